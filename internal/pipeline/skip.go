package pipeline

import (
	"cmp"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/load"
	"etcdmod/modbump"
)

// Why something was not covered.
const (
	SkipUnreadable  = string(finding.SkipUnreadable)
	SkipSyntax      = string(finding.SkipSyntax)
	SkipDependency  = string(finding.SkipDependency)
	SkipMetadata    = string(finding.SkipMetadata)
	SkipTypes       = string(finding.SkipTypes)
	SkipConstraints = string(finding.SkipConstraints)
	SkipBazel       = string(finding.SkipBazel)
	SkipGoMod       = string(finding.SkipGoMod)
	SkipUnverified  = string(finding.SkipUnverified)
	SkipBuildList   = string(finding.SkipBuildList)
	SkipNoModule    = string(finding.SkipNoModule)
	SkipPins        = string(finding.SkipPins)
)

// codeGoSum refuses a bump for which no go.sum could be made, for another reason than
// those that gosum has a code for.
const codeGoSum = string(finding.GoSum)

func (r *run) skip(path, reason, detail string) {
	r.res.Skipped = append(r.res.Skipped, Skip{path, reason, r.local(detail)})
}

// local makes the files that a message names relative to the repository.
func (r *run) local(message string) string {
	root := r.mod.Rel(r.mod.Root)
	prefix := root + "/"
	if root == "." {
		prefix = ""
	}
	message = strings.ReplaceAll(message, r.mod.Root+string(filepath.Separator), prefix)
	return strings.ReplaceAll(message, r.mod.Root, root)
}

// Position returns Path in its parts; Line and Column are 0 where there are none.
func (s Skip) Position() token.Position {
	pos := token.Position{Filename: s.Path}
	var n []int
	for len(n) < 2 {
		i := strings.LastIndexByte(pos.Filename, ':')
		if i < 0 {
			break
		}
		v, err := strconv.Atoi(pos.Filename[i+1:])
		if err != nil {
			break
		}
		pos.Filename, n = pos.Filename[:i], append([]int{v}, n...)
	}
	if len(n) > 0 {
		pos.Line = n[0]
	}
	if len(n) > 1 {
		pos.Column = n[1]
	}
	return pos
}

// problems names the packages that have errors.
func (r *run) problems(progs []loaded) {
	codes := map[load.Kind]string{
		load.Dependency: SkipDependency, load.Metadata: SkipMetadata, load.Syntax: SkipSyntax, load.Type: SkipTypes,
	}
	known := map[string]bool{}
	for _, s := range r.res.Skipped {
		known[s.Path] = true
	}
	var all []load.Problem
	in := map[load.Problem][]string{}
	for _, prog := range progs {
		for _, p := range prog.Problems() {
			if in[p] == nil {
				all = append(all, p)
			}
			in[p] = append(in[p], prog.config.String())
		}
	}
	for _, p := range all {
		at := p.Pos
		if at == "" {
			at = p.Package
		}
		if known[at] || p.Kind == load.Metadata && known[opened(p.Message)] {
			continue // reading the import blocks told as much
		}
		message := p.Message
		if len(in[p]) < len(progs) {
			message += " (" + strings.Join(in[p], ", ") + ")"
		}
		r.skip(at, codes[p.Kind], message)
	}
}

// opened returns the file that a message "open file: reason" is about.
func opened(message string) string {
	rest, _ := strings.CutPrefix(message, "open ")
	name, _, _ := strings.Cut(rest, ": ")
	return name
}

// bazel names the packages whose BUILD files the changes make out of date.
func (r *run) bazel(changes []change.Change) {
	found := false
	said := map[string]bool{}
	for _, c := range changes {
		dir := filepath.Dir(c.Path)
		p := r.mod.Packages[r.importPath(dir)]
		if p == nil || !p.Bazel || said[dir] || len(c.Findings) == 0 {
			continue
		}
		found, said[dir] = true, true
		r.skip(dir, SkipBazel, "its BUILD file is not edited; add "+cmp.Or(r.HelperImport, r.helperDir())+" to the deps")
	}
	if r.HelperImport != "" {
		return
	}
	dir := filepath.Join(r.mod.Root, filepath.FromSlash(r.helperDir()))
	if p := r.mod.Packages[r.importPath(dir)]; found && (p == nil || !p.Bazel) {
		r.skip(dir, SkipBazel, "it needs a BUILD file")
	}
}

// importPath returns that of a directory of the module.
func (r *run) importPath(dir string) string {
	rel, err := filepath.Rel(r.mod.Root, dir)
	if err != nil {
		return ""
	}
	return path.Join(r.mod.Path, filepath.ToSlash(rel))
}

// finish sums up.
func (r *run) finish() {
	slices.SortFunc(r.res.Skipped, func(a, b Skip) int {
		x, y := a.Position(), b.Position()
		return cmp.Or(
			strings.Compare(x.Filename, y.Filename), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column),
			strings.Compare(a.Detail, b.Detail),
		)
	})
	r.res.Skipped = slices.Compact(r.res.Skipped)
	r.res.Findings = append(r.res.Findings, r.stray...)
	slices.SortStableFunc(r.res.Findings, func(a, b *finding.Finding) int {
		return cmp.Or(strings.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Offset, b.Pos.Offset))
	})
	r.res.Incomplete = len(r.res.Skipped) > 0
	for _, f := range r.res.Findings {
		r.res.Incomplete = r.res.Incomplete || f.Tier == finding.Refuse
	}
	for _, t := range r.res.Tries {
		r.res.Incomplete = r.res.Incomplete || t.Lost()
	}
	for _, b := range r.res.Bumps {
		r.res.Incomplete = r.res.Incomplete || b.Refused != nil || b.Action == modbump.Refuse
	}
}
