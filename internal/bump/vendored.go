package bump

import (
	"bytes"
	"fmt"
	"path/filepath"

	"etcdmod/internal/bump/gosum"
	"etcdmod/internal/bump/vendoring"
	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
	"etcdmod/internal/rooted"
	"etcdmod/modbump"
)

// vendored returns the vendor directories that hold what the module is built with: its own, and
// the one that its workspace has for all of its modules.
func (m Module) vendored() (dirs []vendoring.Directory) {
	if m.vendoredAlone() {
		dirs = append(dirs, vendoring.Directory{Home: m.Root, Go: m.Go})
	}
	if m.vendoredTogether() {
		dirs = append(dirs, vendoring.Directory{Home: filepath.Dir(m.Workspace), Work: m.Workspace, Go: m.Go})
	}
	return dirs
}

// vendoredAlone reports whether the module has a vendor directory of its own. The go command
// takes one that is of a workspace for none, where that workspace is not in effect.
func (m Module) vendoredAlone() bool {
	there, together := vendors(m.Root)
	return there && !together
}

// vendoredTogether reports whether the workspace of the module has one for all of its modules.
func (m Module) vendoredTogether() bool {
	if m.Workspace == "" {
		return false
	}
	_, together := vendors(filepath.Dir(m.Workspace))
	return together
}

// vendors reports whether there is a vendor directory in another one, and whether it is of a
// workspace.
func vendors(dir string) (there, together bool) {
	list, err := modules.ReadFile(vendorList(dir), rooted.SumFile)
	return err == nil, bytes.HasPrefix(list, []byte("## workspace\n"))
}

func vendorList(dir string) string { return filepath.Join(dir, "vendor", "modules.txt") }

// inStep reports whether what is vendored of etcd's modules is what the go.mod requires.
func (m Module) inStep(vendored []gosum.Module) bool {
	file, err := modules.ParseGoMod(m.GoModFile, m.GoMod)
	if err != nil {
		return true
	}
	required := file.Requirements()
	for _, v := range vendored {
		if want, ok := required[v.Path]; ok && modbump.KnownPath(v.Path) && want != v.Version {
			return false
		}
	}
	return true
}

// apart says what keeps the vendor directory of the workspace from being changed with this module;
// "" where nothing does.
func (m Module) apart(v *Verdict) (code finding.Code, why string) {
	home := filepath.Dir(m.Workspace)
	if !pathname.Below(home, m.Root) {
		return finding.Vendored, fmt.Sprintf("the workspace of %s is vendored, and this module is not below it, so that no journal is of both; bump with GOWORK=off, then run \"go work vendor\"", m.Rel(m.Workspace))
	}
	if !v.opts.Apart {
		return "", ""
	}
	for _, dir := range modules.Together(m.Root, m.Go.Env) {
		if modules.Resolved(dir) == modules.Resolved(m.Root) {
			continue
		}
		name := filepath.Join(dir, "go.mod")
		data, err := modules.ReadFile(name, rooted.ModFile)
		if err != nil {
			continue
		}
		plan, err := modbump.Plan(name, data, v.policy)
		if err != nil {
			continue
		}
		for _, f := range plan.Findings {
			if f.Action == modbump.Bump {
				return finding.Vendored, fmt.Sprintf("the workspace of %s is vendored, for all of its modules at once, and %s is to be bumped as well; bump them together with \"etcdmod bump\", which makes that directory again", m.Rel(m.Workspace), m.Rel(name))
			}
		}
	}
	return "", ""
}

// vendor takes what becomes of a vendor directory.
func (a *attempt) vendor(d vendoring.Directory, made *vendoring.Result) {
	where := "vendor"
	if d.Work != "" {
		where = "vendor of the workspace"
	}
	if n := len(made.Refresh); n > 0 {
		a.note("%s: %d files are not as \"%s\" makes them of the go.mod as it is; a patch that goes first makes them so", where, n, d.Command())
	}
	a.note("%s: %d files change, as with \"%s\"", where, len(made.Changes), d.Command())
	a.refresh = append(a.refresh, made.Refresh...)
	a.changes = append(a.changes, made.Changes...)
	a.skipped = append(a.skipped, edited(d, made.Edited)...)
}

// edited notes the files of a vendor directory that are not as the go command makes them.
func edited(d vendoring.Directory, names []string) (notes []finding.Skip) {
	why := fmt.Sprintf("\"%s\" makes another file of it, or none; it stays as it is, and what was compiled does not have it", d.Command())
	for i, name := range names {
		if i == fewNamed && len(names) > i+1 {
			rest := fmt.Sprintf("%d more files are not as \"%s\" makes them; they stay as they are, and what was compiled does not have them", len(names)-i, d.Command())
			return append(notes, finding.Skip{Path: filepath.Dir(vendorList(d.Home)), Reason: finding.SkipUnverified, Detail: rest})
		}
		notes = append(notes, finding.Skip{Path: name, Reason: finding.SkipUnverified, Detail: why})
	}
	return notes
}
