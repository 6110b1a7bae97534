package rollout

import (
	"fmt"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/report"
	"etcdmod/internal/rooted"
)

// Page gives an index as the reports show it. Every unit of change is one on the page; what
// no unit changes is in others, of the module and of those who own it. dir is the output
// directory, from which patches are read when they are shown; "" shows none.
func (x *Index) Page(dir string) report.Page {
	page := report.Page{
		Category: "rollout",
		Source:   report.Source{Commit: x.Source.Commit, Date: x.Source.Date, Settings: report.SettingsOf(x.Source.Settings)},
	}
	if x.Shard.Count > 0 {
		page.Title = "shard " + x.Shard.String()
		page.Category = fmt.Sprintf("rollout/shard-%d-of-%d", x.Shard.Index, x.Shard.Count)
	}
	for _, n := range x.Notes {
		page.Notes = append(page.Notes, finding.Note(n))
	}
	if !x.Complete {
		page.Notes = append(page.Notes, finding.Note{Path: ".", Detail: "the run was interrupted; modules without a result are shown as such"})
	}
	for i := range x.Modules {
		m := &x.Modules[i]
		page.Modules = append(page.Modules, report.Module{Dir: m.Dir, Path: m.Path, State: m.State, Reason: m.Reason})
		if m.State == report.Clean && len(m.Ignored) == 0 {
			continue
		}
		shared := shared(m)
		for j := range m.Units {
			page.Units = append(page.Units, m.unit(&m.Units[j], shared))
		}
		page.Units = append(page.Units, m.rest()...)
	}
	if dir != "" {
		page.Load = (&loader{dir: dir}).load
	}
	return page
}

// shared gives the files of the prelude that all changes of a module need.
func shared(m *Module) (files []report.File) {
	for _, u := range m.Units {
		for _, f := range u.Files {
			if u.Prelude && f.Shared {
				files = append(files, report.File{Path: f.Path, Shared: true, Added: f.Added, Removed: f.Removed, From: u.ID})
			}
		}
	}
	return files
}

// page is what is the same in all units of a module.
func (m *Module) page() report.Unit {
	u := report.Unit{Module: m.Path, Dir: m.Dir, Columns: m.Columns}
	if u.Module == "" {
		u.Module = m.Dir
	}
	return u
}

// unit gives a unit of change.
func (m *Module) unit(u *Unit, shared []report.File) report.Unit {
	out := m.page()
	out.Name, out.About, out.Prelude, out.Owners, out.State = u.ID, u.Title, u.Prelude, u.Owners, report.Ready
	out.Patch, out.After, out.Branch = u.Patch, u.After, u.Branch
	switch {
	case u.Unshipped != "":
		out.State, out.Problems = report.Held, []report.Problem{{Type: "problem", Phase: "ship", Message: u.Unshipped}}
	case u.Published:
		out.State = report.Published
	}
	var all []string // the IDs of the findings of the unit
	for _, f := range m.Findings {
		if f.Unit == u.ID {
			all = append(all, f.ID)
			out.Findings = append(out.Findings, f.Finding)
		}
	}
	for _, f := range u.Files {
		file := report.File{Path: f.Path, Shared: f.Shared, Added: f.Added, Removed: f.Removed}
		for _, id := range f.Findings {
			if slices.Contains(all, id) {
				file.Findings = append(file.Findings, id)
			}
		}
		if f.Shared {
			file.Findings = all
		}
		out.Files = append(out.Files, file)
	}
	if !u.Prelude {
		for _, f := range shared {
			f.Findings = all
			out.Files = append(out.Files, f)
		}
	}
	slices.SortFunc(out.Files, func(a, b report.File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// rest gives what no unit of a module changes, divided by its owners: the findings, and with
// the owners of the module itself, what was ignored and what was not covered.
func (m *Module) rest() (out []report.Unit) {
	at := map[string]int{}
	of := func(names []string) *report.Unit {
		key := strings.Join(names, "\x00")
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			u := m.page()
			u.Owners = names
			out = append(out, u)
		}
		return &out[i]
	}
	for _, f := range m.Findings {
		if f.Unit == "" {
			u := of(f.Owners)
			u.Findings = append(u.Findings, f.Finding)
		}
	}
	for _, f := range m.Ignored {
		u := of(f.Owners)
		u.Ignored = append(u.Ignored, f.Finding)
	}
	if len(m.Lost)+len(m.Skipped)+len(m.Problems) > 0 || m.Failure != nil || len(out)+len(m.Units) == 0 {
		u := of(m.Owners)
		u.Lost, u.Skipped, u.Problems = m.Lost, m.Skipped, m.Problems
		if m.Failure != nil {
			u.Problems = append(slices.Clip(u.Problems), report.Problem{Type: "problem", Phase: string(m.Failure.Kind), Message: m.Failure.Message})
		}
	}
	for i := range out {
		out[i].State = m.state(&out[i])
	}
	return out
}

// state is that of a unit in which nothing is changed.
func (m *Module) state(u *report.Unit) report.State {
	if m.State == report.Failed || m.State == report.Rejected {
		return m.State
	}
	return report.Unchanged(u.Findings, len(u.Skipped)+len(u.Problems) > 0 || m.State == report.Uncovered)
}

// A loader reads patches. It remembers the prelude that it has read last, which comes before
// the units that need it.
type loader struct {
	dir     string
	id      string
	prelude map[string]report.File
}

// load fills in the hunks of a unit.
func (l *loader) load(u *report.Unit) error {
	files, err := l.read(patchFile(u.Name))
	if err != nil {
		return err
	}
	if u.Prelude {
		l.id, l.prelude = u.Name, files
	}
	for i, f := range u.Files {
		from := files
		if f.From != "" {
			if from = l.prelude; f.From != l.id {
				return fmt.Errorf("%s: the patch of %s was not read before", u.Name, f.From)
			}
		}
		d, ok := from[f.Path]
		if !ok {
			return fmt.Errorf("the patch of %s does not have %s; another run has written into %s", u.Name, f.Path, l.dir)
		}
		f.Created, f.Deleted, f.Hunks, f.Omitted = d.Created, d.Deleted, d.Hunks, d.Omitted
		u.Files[i] = f
	}
	return nil
}

func (l *loader) read(name string) (map[string]report.File, error) {
	text, err := rooted.ReadFile(l.dir, name, rooted.Patch)
	if err != nil {
		return nil, err
	}
	files, err := report.Diffs(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	byPath := map[string]report.File{}
	for _, f := range files {
		byPath[f.Path] = f
	}
	return byPath, nil
}
