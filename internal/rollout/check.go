package rollout

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"etcdmod/internal/owners"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// idForm is what the IDs of units look like, see unitID.
var idForm = regexp.MustCompile(`^[a-z0-9_-]{1,80}-[0-9a-f]{10}$`)

// ReadIndex reads the index of an output directory and checks it, whoever has written it: what it
// names has to lie in that directory and in the repository, and to have the names that this
// version gives.
func ReadIndex(dir string) (*Index, error) {
	d, err := rooted.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return readIndex(d)
}

// check reports what is in an index that no rollout writes there.
func (x *Index) check() error {
	dirs := map[string]bool{}
	ids := map[string]string{} // the directory of the module of each unit
	for i := range x.Modules {
		m := &x.Modules[i]
		if dirs[m.Dir] {
			return fmt.Errorf("it has the module in %s twice", quote.Name(m.Dir))
		}
		dirs[m.Dir] = true
		if err := m.check(); err != nil {
			return fmt.Errorf("the module in %s: %w", quote.Name(m.Dir), err)
		}
		for _, u := range m.Units {
			if _, ok := ids[u.ID]; ok {
				return fmt.Errorf("it has the unit %s twice", u.ID)
			}
			ids[u.ID] = m.Dir
		}
	}
	if _, err := x.Order(); err != nil {
		return err
	}
	for _, m := range x.Modules {
		for _, u := range m.Units {
			for _, after := range u.After {
				if dir, ok := ids[after]; !ok || dir != m.Dir && !slices.Contains(m.After, dir) {
					return fmt.Errorf("unit %s comes after %s, and its module after none that has it", u.ID, quote.Name(after))
				}
			}
		}
	}
	return nil
}

// check reports what is in a result that no rollout writes there.
func (m *Module) check() error {
	if m.Dir != "." && pathname.Check(m.Dir) != nil {
		return errors.New("its directory " + pathname.Check(m.Dir).Error())
	}
	if m.State.Explain() == "" {
		return fmt.Errorf("its state is %s, and there is none of that name", quote.Name(string(m.State)))
	}
	if err := owned(m.Owners); err != nil {
		return err
	}
	var known []string
	found := map[string]bool{}
	for _, f := range slices.Concat(m.Findings, m.Ignored) {
		found[f.ID] = true
		if err := owned(f.Owners); err != nil {
			return err
		}
	}
	for _, u := range m.Units {
		switch {
		case !idForm.MatchString(u.ID):
			return fmt.Errorf("%s is no ID of a unit", quote.Name(u.ID))
		case quote.Line(u.Title) != u.Title || len(u.Title) > 1000:
			return fmt.Errorf("the title of unit %s is not one line: %s", u.ID, quote.Name(u.Title[:min(len(u.Title), 100)]))
		case quote.Commands(u.Title):
			return fmt.Errorf("the title of unit %s has what hosts of code take for a command: %s", u.ID, quote.Name(u.Title))
		case slices.Contains(known, u.ID):
			return fmt.Errorf("it has the unit %s twice", u.ID)
		case u.Patch != "" && u.Patch != patchFile(u.ID), u.Description != "" && u.Description != textFile(u.ID):
			return fmt.Errorf("unit %s names %s and %s, which no rollout writes for it", u.ID, quote.Name(u.Patch), quote.Name(u.Description))
		}
		for _, after := range u.After {
			mine := slices.ContainsFunc(m.Units, func(other Unit) bool { return other.ID == after })
			if !idForm.MatchString(after) || mine && !slices.Contains(known, after) || !mine && len(m.After) == 0 {
				return fmt.Errorf("unit %s comes after %s, which is not before it", u.ID, quote.Name(after))
			}
		}
		known = append(known, u.ID)
		if err := u.left(); err != nil {
			return fmt.Errorf("unit %s: %w", u.ID, err)
		}
		for _, f := range u.Files {
			if err := pathname.Check(f.Path); err != nil {
				return fmt.Errorf("unit %s: the name of the file %s %w", u.ID, quote.Name(f.Path), err)
			}
			if !m.changes(f.Path) {
				return fmt.Errorf("unit %s changes %s, and a rollout changes no such file of that module", u.ID, quote.Name(f.Path))
			}
			if slices.ContainsFunc(f.Findings, func(id string) bool { return !found[id] }) {
				return fmt.Errorf("unit %s: %s is for findings that there are not", u.ID, quote.Name(f.Path))
			}
		}
	}
	return nil
}

// commitForm is what names of commits look like, with either hash.
var commitForm = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// noBranch matches what no name of a branch has: git forbids it, or takes it for something else, such as
// a flag or another branch to push to.
var noBranch = regexp.MustCompile(`^[-/+]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//`)

// left reports where a unit is said to have gone that no ship has taken it to. The names are handed to the
// command that publishes it.
func (u *Unit) left() error {
	switch {
	case u.Branch != "" && (!strings.HasSuffix(u.Branch, u.ID) || noBranch.MatchString(u.Branch) || quote.Line(u.Branch) != u.Branch):
		return fmt.Errorf("%s is no branch of it", quote.Name(u.Branch))
	case u.Commit != "" && !commitForm.MatchString(u.Commit), (u.Branch == "") != (u.Commit == ""):
		return fmt.Errorf("%s is no commit of its branch", quote.Name(u.Commit))
	}
	return owned(u.Owners)
}

// owned reports an owner of a name that no CODEOWNERS gives one.
func owned(names []string) error {
	for _, name := range names {
		if !owners.IsOwner(name) {
			return fmt.Errorf("%s is no owner", quote.Name(name))
		}
	}
	return nil
}

// changes reports whether a rollout may change a file of the module: Go code, what says which
// versions are built, and what is vendored, for it or for a workspace above it. Nothing else runs,
// or says what runs, where a unit is reviewed and merged.
func (m *Module) changes(name string) bool {
	for dir := m.Dir; dir != "."; {
		dir = path.Dir(dir)
		if strings.HasPrefix(name, path.Join(dir, "vendor")+"/") {
			return true
		}
	}
	if m.Dir != "." {
		below, ok := strings.CutPrefix(name, m.Dir+"/")
		if !ok {
			return false
		}
		name = below
	}
	base := path.Base(name)
	return name == "go.mod" || name == "go.sum" || strings.HasPrefix(name, "vendor/") ||
		path.Ext(base) == ".go" && !strings.HasPrefix(base, ".")
}
