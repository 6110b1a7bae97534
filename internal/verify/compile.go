package verify

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/verify/shadow"
)

// A build is what compiling the roots gave on one side.
type build struct {
	pkgs  map[string]*shadow.Package // by ImportPath
	said  string                     // by the go command, about no package in particular
	types map[string]*universe
}

func (c *checker) build(ctx context.Context, s *shadow.Side, paths []string) (*build, error) {
	pkgs, said, err := s.Export(ctx, paths)
	if err != nil {
		return nil, err
	}
	return &build{pkgs: pkgs, said: said, types: map[string]*universe{}}, nil
}

// compile compiles the roots with the edits and, if that shows any error, without
// them, and keeps the errors that are new.
func (c *checker) compile(ctx context.Context) error {
	after, err := c.build(ctx, c.after, c.roots) // without roots, nothing runs
	if err != nil {
		return err
	}
	c.result.Uncovered = c.uncovered(after.pkgs)
	c.built = after
	var broken []*shadow.Package
	for _, path := range slices.Sorted(maps.Keys(after.pkgs)) {
		if p := after.pkgs[path]; p.Broken() {
			broken = append(broken, p)
		}
	}
	if len(broken) == 0 {
		return nil
	}

	// A package that an edit made a dependency may never have built.
	paths := slices.Clone(c.roots)
	for _, p := range broken {
		if p.Main() {
			paths = append(paths, p.Home())
		}
	}
	slices.Sort(paths)
	before, err := c.build(ctx, c.before, c.existed(slices.Compact(paths)))
	if err != nil {
		return err
	}
	var old []finding.Problem
	for _, p := range before.pkgs {
		old = append(old, c.problems(p)...)
	}
	c.result.Old = sortProblems(old)
	c.result.Before += len(c.result.Old)

	var held []*shadow.Package
	for _, p := range broken {
		was := before.pkgs[p.ImportPath]
		switch {
		case was != nil && was.Broken():
			if p.Main() && !slices.Contains(c.result.Unbuilt, p.Home()) {
				c.result.Unbuilt = append(c.result.Unbuilt, p.Home())
			}
			more, err := c.compare(ctx, p, after, before)
			if err != nil {
				return err
			}
			c.result.New = append(c.result.New, more...)
			c.result.Still = append(c.result.Still, worse(c.problems(p), more)...)
		case p.Error != nil:
			c.result.New = append(c.result.New, c.problems(p)...)
		default:
			held = append(held, p)
		}
	}
	c.result.New = append(c.result.New, c.heldBack(held, after)...)
	return nil
}

// problems gives the errors of a package itself.
func (c *checker) problems(p *shadow.Package) []finding.Problem {
	if p.Error == nil {
		return nil
	}
	phase := PhaseLoad
	var ps []finding.Problem
	if compiled(p.Error) {
		phase = PhaseBuild
		ps = c.shadow.Places().Output(p.Error.Err)
	} else {
		ps = []finding.Problem{{Message: c.shadow.Places().Message(p.Error.Err)}}
		if p.Error.Pos != "" {
			ps[0] = c.shadow.Places().Located(p.Error.Pos + ": ")
			ps[0].Message = c.shadow.Places().Message(p.Error.Err)
		} else if at := c.shadow.Places().Located(p.Error.Err); at.File != "" {
			ps[0] = at
		}
	}
	home := p.Home()
	if n := len(p.Error.ImportStack); phase == PhaseLoad && p.Dir == "" && n > 0 {
		// p is a path that nothing provides; this imports it.
		home, _, _ = strings.Cut(p.Error.ImportStack[n-1], " ")
	}
	for i := range ps {
		ps[i].Package, ps[i].Phase = home, phase
	}
	return ps
}

// compiled reports whether an error is the output of a compiler, which the go
// command heads with "# path", and not an error of the go command itself.
func compiled(err *shadow.ListError) bool { return strings.HasPrefix(err.Err, "# ") }

// compare gives what got worse in a package that was broken before.
//
// The compiler's own words do not do, since it stops at ten errors and does not
// even begin while an import is broken. So the packages of the main modules are
// type-checked from source on both sides. Only where the type checker sees nothing
// wrong (cgo, assembler, an embed pattern), or cannot read the export data of a
// dependency, are the compiler's words compared.
func (c *checker) compare(ctx context.Context, p *shadow.Package, after, before *build) ([]finding.Problem, error) {
	was := before.pkgs[p.ImportPath]
	if p.Dir == "" {
		return nil, nil // missing as before; the words name some importer, not always the same
	}
	if !p.Main() || p.TestMain() || len(p.Files()) == 0 {
		return worse(c.problems(p), c.problems(was)), nil
	}
	now, sureNow, err := c.typeErrors(ctx, c.after, after, p)
	if err != nil {
		return nil, err
	}
	then, sureThen, err := c.typeErrors(ctx, c.before, before, was)
	if err != nil {
		return nil, err
	}
	more := worse(now, then)
	if len(more) > 0 {
		return more, nil
	}
	byTypes := sureNow && sureThen && len(now) > 0
	if p.Error != nil && compiled(p.Error) && byTypes {
		return nil, nil
	}
	return worse(c.problems(p), c.problems(was)), nil
}

// existed gives those of the import paths of which the edits did not make all files.
func (c *checker) existed(paths []string) []string {
	old := map[string]bool{}
	for _, p := range c.pkgs {
		if p.TestMain() {
			continue // its file is in the build cache
		}
		files := p.Files()
		made := len(files) > 0 && !slices.ContainsFunc(files, c.before.Exists)
		old[p.Home()] = old[p.Home()] || !made
	}
	var some []string
	for _, path := range paths {
		if old[path] {
			some = append(some, path)
		}
	}
	return some
}

// heldBack gives a problem for each package that was compiled before and now is
// not, although nothing is wrong in it and nothing new in what it imports: an edit
// made it import a package that never built.
func (c *checker) heldBack(held []*shadow.Package, b *build) []finding.Problem {
	blamed := map[string]bool{}
	for _, p := range c.result.New {
		blamed[p.Package] = true
	}
	all := slices.Collect(maps.Values(b.pkgs))
	var ps []finding.Problem
	for _, p := range held {
		needs := shadow.Closure(all, map[string]bool{p.Home(): true})
		if slices.ContainsFunc(needs, func(q *shadow.Package) bool { return blamed[q.Home()] }) {
			continue
		}
		why := b.said
		if len(p.DepsErrors) > 0 {
			why = p.DepsErrors[0].Err
		}
		msg := "imports a package that does not build, with the change or without"
		if why != "" {
			msg += ":\n" + c.shadow.Places().Message(why)
		}
		ps = append(ps, finding.Problem{Package: p.Home(), Message: msg, Phase: PhaseBuild})
	}
	return ps
}

// uncovered gives the edited Go files that no package of the build has.
func (c *checker) uncovered(pkgs map[string]*shadow.Package) []string {
	read := map[string]bool{}
	for _, p := range pkgs {
		for _, name := range p.Files() {
			read[name] = true
		}
	}
	var names []string
	for name := range c.shadow.Edits() {
		if filepath.Ext(name) == ".go" && !read[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
