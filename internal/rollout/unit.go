package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/union"
)

// A part is what becomes one unit.
type part struct {
	prelude  bool
	refresh  bool     // it is a prelude before the others
	keys     []string // sorted
	changes  []change.Change
	findings []*finding.Finding
	leads    []string // directories of the modules whose go.mod and go.sum follow those that it changes
}

// split divides the changes of a module. Files with the same key go together, and so do
// files that the same finding changes: what one mutex flows through compiles only as a
// whole. A change that no finding is behind, such as that of the helper or of go.mod, is
// shared by all and becomes the prelude. Where nobody else would share it, because there
// is one part alone, it belongs to that one.
func split(changes []change.Change, key func(file string) string) []part {
	var shared, own []change.Change
	for _, c := range changes {
		if len(c.Findings) == 0 {
			shared = append(shared, c)
		} else {
			own = append(own, c)
		}
	}
	sets := union.New(len(own))
	byKey, byFinding := map[string]int{}, map[*finding.Finding]int{}
	for i, c := range own {
		join(sets, byKey, key(c.Path), i)
		for _, f := range c.Findings {
			join(sets, byFinding, f, i)
		}
	}
	var parts []part
	for _, group := range sets.Groups() {
		var p part
		for _, i := range group {
			p.add(own[i])
			if name := key(own[i].Path); !slices.Contains(p.keys, name) {
				p.keys = append(p.keys, name)
			}
		}
		parts = append(parts, p)
	}
	for i := range parts {
		slices.Sort(parts[i].keys)
	}
	slices.SortFunc(parts, func(a, b part) int { return slices.Compare(a.keys, b.keys) })
	switch {
	case len(shared) == 0:
	case len(parts) == 1:
		parts[0].changes = append(slices.Clone(shared), parts[0].changes...)
	default:
		parts = append([]part{{prelude: len(parts) > 0, changes: shared}}, parts...)
	}
	return parts
}

// join puts a change with those that have the same key.
func join[K comparable](sets *union.Sets, last map[K]int, key K, i int) {
	if j, ok := last[key]; ok {
		sets.Join(i, j)
	}
	last[key] = i
}

func (p *part) add(c change.Change) {
	p.changes = append(p.changes, c)
	for _, f := range c.Findings {
		if !slices.Contains(p.findings, f) {
			p.findings = append(p.findings, f)
		}
	}
}

// whole joins the parts of a module into one.
func whole(parts []part) []part {
	out := part{}
	keys := map[string]bool{}
	for _, p := range parts {
		for _, k := range p.keys {
			keys[k] = true
		}
		for _, c := range p.changes {
			out.add(c)
		}
	}
	out.keys = slices.Sorted(maps.Keys(keys))
	return []part{out}
}

// unitID names a unit after its module and its keys, so that every run calls it the same,
// on every file system.
func unitID(dir string, p part) string {
	kind := "unit"
	text := dir
	if p.refresh {
		kind, text = "vendor", dir+"-vendor"
	} else if p.prelude {
		kind, text = "prelude", dir+"-prelude"
	} else if len(p.keys) > 0 && p.keys[0] != dir {
		text += "-" + strings.TrimPrefix(p.keys[0], dir+"/")
	}
	sum := sha256.Sum256([]byte(strings.Join(append([]string{dir, kind}, p.keys...), "\x00")))
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		case r >= 'A' && r <= 'Z':
			b.WriteRune(r - 'A' + 'a') // file systems that take both for one
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 60 {
			break
		}
	}
	name := strings.Trim(b.String(), "-")
	if name == "" {
		name = "root"
	}
	return name + "-" + hex.EncodeToString(sum[:5])
}
