package modbump

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// verify checks that the edited go.mod still parses, that the lines that are not edited
// are as they were, and that of all directives only those changed that the edits are
// about, and as they say. It guards against errors of this package; no input makes it
// fail.
func verify(name string, before *modfile.File, gomod []byte, edits []Edit, edited []byte) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: the edit would be wrong, so none is made: %w", name, fmt.Errorf(format, args...))
	}
	after, err := modfile.Parse(name, edited, nil)
	if err != nil {
		return fail("%w", err)
	}
	if err := sameLines(gomod, edits, edited); err != nil {
		return fail("%w", err)
	}
	want := directives(before)
	for _, e := range edits {
		if e.from != "" {
			i := slices.Index(want, e.from)
			if i < 0 {
				return fail("there is no %q", e.from)
			}
			want = slices.Delete(want, i, i+1)
		}
		if e.to != "" {
			want = append(want, strings.Split(e.to, "\n")...)
		}
	}
	slices.Sort(want)
	if is := directives(after); !slices.Equal(is, want) {
		return fail("the directives become %q, not %q", is, want)
	}
	return nil
}

// sameLines checks that the lines of the result are those of the original but for the
// edited ones, the added and the removed ones.
func sameLines(gomod []byte, edits []Edit, edited []byte) error {
	changed := make(map[int]bool) // lines of the original with another token
	added, moved := 0, false
	for _, e := range edits {
		if e.from == "" || e.to == "" {
			added += strings.Count(e.New, "\n") - strings.Count(e.Old, "\n")
			moved = true
		} else {
			changed[e.Line] = true
		}
	}
	was, is := bytes.SplitAfter(gomod, []byte("\n")), bytes.SplitAfter(edited, []byte("\n"))
	if len(is)-len(was) != added {
		return fmt.Errorf("%d lines become %d", len(was), len(is))
	}
	if moved {
		return nil // the comparison of directives has to do
	}
	for i := range was {
		if bytes.Equal(was[i], is[i]) == changed[i+1] {
			return fmt.Errorf("line %d", i+1)
		}
	}
	return nil
}

// directives lists what a go.mod says, sorted and without formatting and comments.
func directives(file *modfile.File) []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if file.Module != nil {
		add("module %s deprecated %q", file.Module.Mod, file.Module.Deprecated)
	}
	if file.Go != nil {
		add("go %s", file.Go.Version)
	}
	if file.Toolchain != nil {
		add("toolchain %s", file.Toolchain.Name)
	}
	for _, g := range file.Godebug {
		add("godebug %s=%s", g.Key, g.Value)
	}
	for _, r := range file.Require {
		all = append(all, requireText(r.Mod, r.Indirect))
	}
	for _, r := range file.Replace {
		all = append(all, replaceText(r.Old, r.New))
	}
	for _, x := range file.Exclude {
		add("exclude %s", x.Mod)
	}
	for _, r := range file.Retract {
		add("retract [%s, %s] %q", r.Low, r.High, r.Rationale)
	}
	for _, t := range file.Tool {
		add("tool %s", t.Path)
	}
	for _, i := range file.Ignore {
		add("ignore %s", i.Path)
	}
	slices.Sort(all)
	return all
}
