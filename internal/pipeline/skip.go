package pipeline

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/load"
	"etcdmod/modbump"
)

func (r *run) skip(path string, reason finding.Code, detail string) {
	r.res.Skipped = append(r.res.Skipped, finding.Skip{Path: path, Reason: reason, Detail: r.mod.Local(detail)})
}

func (r *run) skips(list []finding.Skip) {
	for _, s := range list {
		r.skip(s.Path, s.Reason, s.Detail)
	}
}

// problems names the packages that have errors.
func (r *run) problems(progs []loaded) {
	codes := map[load.Kind]finding.Code{
		load.Dependency: finding.SkipDependency, load.Metadata: finding.SkipMetadata, load.Syntax: finding.SkipSyntax, load.Type: finding.SkipTypes,
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
	missing := map[string]int{} // how many packages miss the same dependency
	for _, p := range all {
		if p.Kind == load.Dependency {
			missing[p.Message]++
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
		if n := missing[message]; p.Kind == load.Dependency && n != 1 {
			if n == 0 {
				continue // said once
			}
			missing[message] = 0
			message += fmt.Sprintf(" (%d packages need it)", n)
		}
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
		p := r.mod.Packages[importPath(r.mod, dir)]
		if p == nil || !p.Bazel || said[dir] || len(c.Findings) == 0 {
			continue
		}
		found, said[dir] = true, true
		r.skip(dir, finding.SkipBazel, "its BUILD file is not edited; add "+cmp.Or(r.HelperImport, r.helperDir())+" to the deps")
	}
	if r.HelperImport != "" {
		return
	}
	dir := filepath.Join(r.mod.Root, filepath.FromSlash(r.helperDir()))
	if p := r.mod.Packages[importPath(r.mod, dir)]; found && (p == nil || !p.Bazel) {
		r.skip(dir, finding.SkipBazel, "it needs a BUILD file")
	}
}

// importPath returns that of a directory of the module.
func importPath(mod *discover.Module, dir string) string {
	rel, err := filepath.Rel(mod.Root, dir)
	if err != nil {
		return ""
	}
	return path.Join(mod.Path, filepath.ToSlash(rel))
}

// finish sums up.
func (r *run) finish() {
	slices.SortFunc(r.res.Skipped, func(a, b finding.Skip) int {
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
		r.res.Incomplete = r.res.Incomplete || f.Tier == finding.Refuse && f.Counts()
	}
	for _, t := range r.res.Tries {
		r.res.Incomplete = r.res.Incomplete || t.Lost()
	}
	for _, b := range r.res.Bumps {
		r.res.Incomplete = r.res.Incomplete || b.Refused != nil || b.Action == modbump.Refuse
	}
}
