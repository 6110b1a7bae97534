package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
)

// A part is what becomes one unit.
type part struct {
	prelude  bool
	keys     []string // sorted
	changes  []change.Change
	findings []*finding.Finding
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
	// Union by what files have in common.
	parent := make([]int, len(own))
	var find func(i int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	byKey, byFinding := map[string]int{}, map[*finding.Finding]int{}
	for i, c := range own {
		parent[i] = i
		join := func(j int, ok bool) {
			if ok {
				a, b := find(i), find(j)
				parent[max(a, b)] = min(a, b)
			}
		}
		k := key(c.Path)
		j, ok := byKey[k]
		join(j, ok)
		byKey[k] = i
		for _, f := range c.Findings {
			j, ok := byFinding[f]
			join(j, ok)
			byFinding[f] = i
		}
	}
	var parts []part
	at := map[int]int{}
	for i, c := range own {
		root := find(i)
		k, ok := at[root]
		if !ok {
			k = len(parts)
			at[root] = k
			parts = append(parts, part{})
		}
		p := &parts[k]
		p.add(c)
		if name := key(c.Path); !slices.Contains(p.keys, name) {
			p.keys = append(p.keys, name)
		}
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
	if p.prelude {
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
