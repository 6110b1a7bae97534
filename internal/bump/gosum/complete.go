package gosum

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"etcdmod/internal/rooted"

	"golang.org/x/mod/module"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
)

// A Report says what completing a go.sum took.
type Report struct {
	// Changed are the requirements that differ from the go.mod in the module's
	// directory. Each was downloaded, so it exists.
	Changed []module.Version
	// Added are the lines that the go.sum lacked, without line endings.
	Added []string
	// Missing are the packages that no module provides, with the go.mod as it was as well, in
	// the form of [IncompleteError.Packages].
	Missing []string
}

// Complete returns the go.sum of the module in r.Dir as it must be after its
// go.mod was changed to gomod: the lines of gosum plus those that the go command
// needs to load packages, their dependencies and their tests, and to build the tools of the
// go.mod. No packages means "./...". A nil gosum is a module without go.sum; the result is nil if it needs
// none.
//
// The go.mod in r.Dir is taken for the one before the change. Complete reads the
// module and writes nothing to it. It looks at the module alone, also within a
// workspace.
//
// A vendor directory is ignored: the result is what the module needs without it, and to
// make it again. Errors that a caller should turn into a refusal are [*UnavailableError], [*ChecksumError] and [*IncompleteError].
// [Reason] gives the code of each.
func Complete(ctx context.Context, r gocmd.Runner, gomod, gosum []byte, packages ...string) ([]byte, Report, error) {
	var report Report
	file, err := modules.ParseGoMod("go.mod", gomod)
	if err != nil {
		return nil, report, err
	}
	if report.Changed, err = changedSince(filepath.Join(r.Dir, "go.mod"), file); err != nil {
		return nil, report, err
	}
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	c := completer{ctx: ctx, r: r.With("GOWORK=off"), packages: packages, tools: file.Tools, gomod: withGo(file, gomod), gosum: gosum}

	sums, err := c.changedSums(report.Changed)
	if err != nil {
		return nil, report, err
	}
	loaded, err := c.loadedSums()
	if err != nil {
		return nil, report, err
	}
	maps.Copy(sums, loaded)
	added := missing(sums, entries(gosum))
	result := merge(gosum, added)
	if c.doubtful {
		if err := c.verify(result); err != nil {
			return nil, report, c.untidy(cmp.Or(c.failure, err))
		}
	}
	for _, e := range added {
		report.Added = append(report.Added, e.String())
	}
	report.Missing = c.missing
	return result, report, nil
}

// changedSince returns the requirements that the go.mod with a name does not
// have and file does, without those that a replace directive decides over.
func changedSince(name string, file *modules.GoMod) ([]module.Version, error) {
	data, err := modules.ReadFile(name, rooted.ModFile)
	if err != nil {
		return nil, err
	}
	before, err := modules.ParseGoMod(name, data)
	if err != nil {
		return nil, err
	}
	mods := changed(before, file)
	return slices.DeleteFunc(mods, func(mod module.Version) bool { return file.Replaces(mod) }), nil
}

// A completer is one call of Complete.
type completer struct {
	ctx      context.Context
	r        gocmd.Runner
	packages []string
	tools    bool   // the go.mod has tool directives
	gomod    []byte // with a go directive
	gosum    []byte

	// doubtful says that not everything loaded at once.
	doubtful bool
	// failure is what went wrong when it did not.
	failure error
	// wanted are the requirements that the go command would add or change.
	wanted []module.Version
	// goVersion is the language version that it would change to; "" for none.
	goVersion string
	// missing are the packages that nothing provides, before and after.
	missing []string
}

// changedSums downloads the changed requirements. It returns the entries of
// those whose content go.sum had in another version: the packages that need it
// may be behind build tags, where loading does not see them.
func (c *completer) changedSums(mods []module.Version) (map[entry]bool, error) {
	s, err := newScratch(c.r, []byte("module scratch\n"), nil)
	if err != nil {
		return nil, err
	}
	defer s.remove()
	// Outside the module: its graph is none of this step's business.
	sums, err := download(c.ctx, c.r.In(s.dir), s, mods)
	if err != nil {
		return nil, err
	}
	content := make(map[string]bool)
	for e := range entries(c.gosum) {
		if !strings.HasSuffix(e.version, "/go.mod") {
			content[e.path] = true
		}
	}
	maps.DeleteFunc(sums, func(e entry, _ bool) bool { return !content[e.path] })
	return sums, nil
}

// loadedSums lets the go command load the packages with leave to write go.mod
// and go.sum, and returns the go.sum that it wrote.
//
// With that leave it also adds requirements for packages that no module
// provides. Their lines belong to another go.mod, and they may not even load; so
// the load is then done again with what is in the module cache by now, and
// nowhere to find further modules.
func (c *completer) loadedSums() (map[entry]bool, error) {
	sums, drift, err := c.load(c.r)
	if (err == nil && !drift.any) || c.ctx.Err() != nil {
		return sums, err
	}
	c.doubtful, c.failure, c.wanted, c.goVersion = true, err, drift.requirements, drift.goVersion
	offline, _, offlineErr := c.load(c.r.With("GOPROXY=off", "GONOPROXY=none"))
	if offlineErr != nil {
		return nil, cmp.Or(err, offlineErr)
	}
	return offline, nil
}

// load is one load with leave to write. The entries are those of the whole
// go.sum afterwards.
func (c *completer) load(r gocmd.Runner) (map[entry]bool, drift, error) {
	s, err := newScratch(r, c.gomod, c.gosum)
	if err != nil {
		return nil, drift{}, err
	}
	defer s.remove()
	errs, err := c.list(r, "-mod=mod", "-modfile="+s.modfile())
	if err != nil {
		return nil, drift{}, err
	}
	gosum, err := s.gosum()
	if err != nil {
		return nil, drift{}, err
	}
	sums := entries(gosum)
	for _, path := range slices.Sorted(maps.Keys(errs)) {
		c.doubtful = true
		if err := c.lacking(sums, errs[path]); err != nil {
			return nil, drift{}, err
		}
	}
	d, err := s.drift()
	return sums, d, err
}

// list loads the packages and the tools, these without their tests.
func (c *completer) list(r gocmd.Runner, flags ...string) (map[string]string, error) {
	errs, err := load(c.ctx, r, c.packages, append(flags, "-test")...)
	if err != nil || !c.tools {
		return errs, err
	}
	ofTools, err := load(c.ctx, r, []string{"tool"}, flags...)
	maps.Copy(errs, ofTools)
	return errs, err
}

// lacking returns the typed error for a package that did not load since a
// module could not be had, if that module has no entry. With an entry the
// machine lacks the module, but the go.sum does not lack the line.
func (c *completer) lacking(sums map[entry]bool, text string) error {
	err := classify(text)
	var unavailable *UnavailableError
	if !errors.As(err, &unavailable) {
		return err
	}
	for e := range sums {
		if e.path == unavailable.Path && e.version == unavailable.Version {
			return nil
		}
	}
	return err
}

// verify checks that every package that loads with the go.mod and go.sum in the
// module's directory loads with the edited ones too.
func (c *completer) verify(gosum []byte) error {
	s, err := newScratch(c.r, c.gomod, gosum)
	if err != nil {
		return err
	}
	defer s.remove()
	after, err := c.list(c.r, "-mod=readonly", "-modfile="+s.modfile())
	if err != nil {
		return fmt.Errorf("with the edited go.mod and the completed go.sum: %w", err)
	}
	if len(after) == 0 {
		return nil
	}
	before, err := c.list(c.r, "-mod=readonly")
	if err != nil {
		// The module did not load before, for whatever reason, so nothing is worse now than
		// it was; but what no module provides can be required.
		before = maps.Clone(after)
		maps.DeleteFunc(before, func(_, text string) bool { return unprovided(text) })
	}
	var worse []string
	for path, text := range after {
		line := path + ": " + oneLine(text)
		if _, ok := before[path]; !ok {
			worse = append(worse, line)
		} else if unprovided(text) {
			c.missing = append(c.missing, line)
		}
	}
	slices.Sort(c.missing)
	if len(worse) == 0 {
		return nil
	}
	slices.Sort(worse)
	return &IncompleteError{Packages: worse, Wanted: c.wanted}
}

// unprovided reports whether what the go command says of a package is that no module has it.
func unprovided(text string) bool {
	return strings.Contains(text, "provides package") || strings.Contains(text, "providing package")
}

// untidy gives the error of a go.mod that the go command wants to change as that, with the
// changes.
func (c *completer) untidy(err error) error {
	var cmd *gocmd.Error
	if errors.As(err, &cmd) && strings.Contains(cmd.Stderr, "updates to go.mod needed") {
		return &UntidyError{Wanted: c.wanted, Go: c.goVersion, Err: err}
	}
	return err
}

// cutQuoted splits a line of two quoted strings.
func cutQuoted(line string) (a, b string, ok bool) {
	q, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", "", false
	}
	a, _ = strconv.Unquote(q)
	b, err = strconv.Unquote(strings.TrimSpace(line[len(q):]))
	return a, b, err == nil
}
