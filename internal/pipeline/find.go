package pipeline

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/internal/importpath"
	"etcdmod/internal/load"
	"etcdmod/internal/modules"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
	"etcdmod/internal/version"
	"etcdmod/rewrite"
)

// words returns what is looked for in the source before anything is loaded: without it there
// is no loop to find. notable are those that are worth a note where nothing can be found.
func words() (notable, hints []string) {
	hints = []string{rewrite.IgnoreWord, linkname}
	for _, n := range rewrite.Needs() {
		for _, list := range n.Words {
			if n.Notable {
				notable = append(notable, list...)
			} else {
				hints = append(hints, list...)
			}
		}
	}
	return notable, hints
}

// A loadError is the error of packages that the go command did not load.
type loadError struct{ error }

func (e *loadError) Unwrap() error { return e.error }

// find loads what can see the mutex and analyses it. It returns nil where there cannot be
// a finding, without running the go command. wanted are the import paths of the packages
// whose findings are wanted; nil means all.
func (r *run) find(ctx context.Context, wanted map[string]bool) (*rewrite.Plan, error) {
	// What repeats a try may live in a package that has never heard of etcd.
	chosen := r.mod.WithDependencies(r.candidates())
	r.strayDirectives(chosen, wanted)
	asked := false
	for _, p := range chosen {
		asked = asked || wanted == nil || wanted[p.Path]
	}
	if !asked {
		r.log("no package polls an etcd lock")
		return nil, nil
	}
	near, err := r.around(ctx)
	if err != nil {
		return nil, err
	}
	r.near, r.spelled = near, near.spellings()
	cache := load.NewCache()
	progs, err := r.load(ctx, cache, r.mod, chosen)
	if err != nil {
		return nil, &loadError{err}
	}
	if name := cache.Deep(); name != "" {
		r.problems(progs)
		r.skip(r.mod.Root, finding.SkipUnreadable, "nothing was looked for in this module, since "+quote.Name(r.mod.Rel(name))+" may use what would be changed, and nests too deeply, or declares what is too big, to be looked at; put that right and run again")
		return nil, nil
	}
	r.unread(chosen, progs)
	if len(progs) == 0 {
		return nil, nil
	}
	prog := progs[0]
	r.problems(progs)
	r.log("analysing %d files", len(prog.Sources))
	existing, dir, nowhere, err := r.helperPlace(ctx)
	if err != nil {
		return nil, err
	}
	in := &rewrite.Input{
		Fset:         prog.Fset,
		Packages:     prog.Packages,
		Config:       prog.config.String(),
		Sources:      prog.Sources,
		ModulePath:   r.mod.Path,
		ModuleDir:    r.mod.Root,
		HelperDir:    r.helperDir(),
		HelperFiles:  readFiles(dir, nil),
		HelperHeader: r.HelperHeader,
		NoHelper:     nowhere,
		Helper:       existing,
		Strategy:     r.Strategy,
		Version:      version.Version,
		Exported:     r.Exported,
		Reached:      near.reached,
		Neighbours:   near.users,
		Beside:       near.sources(),
		Pulled:       pulled(r.mod, near.beside),
		Ignored:      ignored(r.mod, chosen),
		Leasing:      r.mod.Imports(isLeasing),
		Linked:       r.mod.Linked,
		Embedded:     embedded(r.mod),
		Elsewhere:    elsewhere(r.mod),
		Forks:        r.forks(ctx, chosen),
	}
	for _, other := range progs[1:] {
		in.Also = append(in.Also, rewrite.Configuration{Name: other.config.String(), Packages: other.Packages})
	}
	if wanted != nil {
		in.Selected = func(path string) bool { return wanted[path] || wanted[strings.TrimSuffix(path, "_test")] }
	}
	plan := rewrite.Analyze(in)
	r.outdated(dir, in.HelperFiles)
	if n := len(plan.Ignored); n > 0 {
		r.log("%d findings are ignored, as comments ask for", n)
	}
	return plan, ctx.Err()
}

// elsewhere names the files of the module that another git repository has.
func elsewhere(mod *discover.Module) map[string]string {
	out := map[string]string{}
	for _, p := range mod.Packages {
		if p.Repo != "" {
			for _, name := range p.Files {
				out[name] = p.Repo
			}
		}
	}
	return out
}

// ignored reads the files that no build configuration has: those of packages, and those elsewhere
// in the module that import one of it.
func ignored(mod *discover.Module, packages []*discover.Package) map[string][]byte {
	out := map[string][]byte{}
	read := func(f discover.Ignored, all bool) {
		if all || slices.ContainsFunc(f.Imports, func(path string) bool { return importpath.Within(path, mod.Path) }) {
			if src, err := modules.ReadFile(f.Name, rooted.GoFile); err == nil {
				out[f.Name] = src
			}
		}
	}
	for _, f := range mod.Hidden {
		read(f, false)
	}
	for _, p := range mod.Packages {
		for _, f := range p.Ignored {
			read(f, slices.Contains(packages, p))
		}
	}
	return out
}

// helperPlace returns the helper package that is there already, or else the directory that one is
// generated in, or why there is no place for it.
func (r *run) helperPlace(ctx context.Context) (existing *rewrite.Helper, dir, nowhere string, err error) {
	if r.HelperImport != "" {
		existing, err = r.existing(ctx)
		return existing, "", "", err
	}
	dir, err = r.generated()
	switch {
	case err == nil:
		nowhere = r.untracked(ctx, dir)
	case r.HelperDir == "": // nobody asked for that place
		nowhere, err = err.Error(), nil
	}
	return nil, dir, nowhere, err
}

// outdated names the worst of the generated files in a directory that are not as this version
// writes them.
func (r *run) outdated(dir string, files map[string][]byte) {
	name, state := helper.Worst(files, version.Version)
	switch state {
	case helper.Earlier:
		r.skip(filepath.Join(dir, name), finding.StaleHelper, "")
	case helper.Newer:
		r.skip(filepath.Join(dir, name), finding.NewerHelper, "")
	case helper.Edited:
		r.skip(filepath.Join(dir, name), finding.HelperEdited, "")
	}
}

// strayDirectives reports directives in packages that are not loaded, since nothing can be
// found in them.
func (r *run) strayDirectives(chosen []*discover.Package, wanted map[string]bool) {
	for _, p := range r.mod.Packages {
		if !p.Mention[rewrite.IgnoreWord] || wanted != nil && !wanted[p.Path] || slices.Contains(chosen, p) {
			continue
		}
		for _, name := range p.Files {
			if src, err := modules.ReadFile(name, rooted.GoFile); err == nil {
				r.stray = append(r.stray, rewrite.StrayDirectives(name, src, p.Path)...)
			}
		}
	}
}

// candidates returns the packages that may have findings, and those that they are reached
// from: packages that see a mutex, and where transactions may be used as locks, those that
// see a client.
func (r *run) candidates() []*discover.Package {
	locks := r.mod.Importers(r.paths()...)
	r.leftOut(locks)
	for _, n := range rewrite.Needs() {
		if n.Client && meets(n, r.mod.WithDependencies(r.mod.Importers(rewrite.ClientPaths...))) {
			return r.mod.Importers(slices.Concat(r.paths(), rewrite.ClientPaths)...)
		}
	}
	near := r.mod.WithDependencies(locks)
	for _, n := range rewrite.Needs() {
		if !n.Client && meets(n, near) {
			return locks
		}
	}
	return nil
}

// meets reports whether the packages have, together, the words that a rule needs. Those that others import are among
// them: what tries may be in one that knows of no lock.
func meets(n rewrite.Need, packages []*discover.Package) bool {
	for _, list := range n.Words {
		if !slices.ContainsFunc(packages, func(p *discover.Package) bool { return p.Mentions(list...) }) {
			return false
		}
	}
	return true
}

// locks tells import paths of what may hold a lock: a client, or a package concurrency, of a
// release, of a fork, or by its name.
func locks(paths []string) func(path string) bool {
	return func(path string) bool {
		return slices.Contains(paths, path) || slices.Contains(rewrite.ClientPaths, path) || named(path)
	}
}

// named reports whether a path ends as that of a package concurrency.
func named(path string) bool { return strings.HasSuffix(path, "/concurrency") }

// isLeasing reports whether a path is that of package leasing of a client.
func isLeasing(path string) bool {
	client, ok := strings.CutSuffix(path, "/leasing")
	return ok && slices.Contains(rewrite.ClientPaths, client)
}

// paths are the import paths of package concurrency: of releases, of forks, and of what may
// be one.
func (r *run) paths() []string {
	return slices.Concat(rewrite.ConcurrencyPaths, r.Forks, r.guessed)
}

// guess notes the packages that may be forks of package concurrency: packages of the module
// import them by a path that ends in its name. What they hold decides.
func (r *run) guess() {
	found := map[string]bool{}
	for _, p := range r.mod.Packages {
		for imp := range p.Imports {
			found[imp] = found[imp] || named(imp) && !slices.Contains(r.paths(), imp)
		}
	}
	for _, imp := range slices.Sorted(maps.Keys(found)) {
		if found[imp] {
			r.guessed = append(r.guessed, imp)
		}
	}
}

// forks reads the sources of the forks that one of the packages imports.
func (r *run) forks(ctx context.Context, chosen []*discover.Package) (out []rewrite.Fork) {
	for _, path := range slices.Concat(r.Forks, r.guessed) {
		if !slices.ContainsFunc(chosen, func(p *discover.Package) bool { return p.Imports[path] }) {
			r.log("no package imports %s", path)
			continue
		}
		fork := rewrite.Fork{Path: path, Sources: map[string][]byte{}, Guessed: slices.Contains(r.guessed, path)}
		list, err := r.goFor(r.Configurations[0]).Run(ctx, slices.Concat([]string{"list"}, r.flagsFor(r.Configurations[0]), []string{"-f", "{{.Dir}}{{range .GoFiles}}\n{{.}}{{end}}", "--", path})...)
		if err != nil {
			r.log("%v", err) // the fork is refused
		}
		lines := strings.Split(strings.TrimSpace(string(list)), "\n")
		for _, name := range lines[1:] {
			if src, err := rooted.ReadNamed(filepath.Join(lines[0], name), rooted.GoFile); err == nil {
				fork.Sources[name] = src
			}
		}
		out = append(out, fork)
	}
	return out
}

// unread names the files that try a mutex and that no load gave, although their packages have
// no error that would tell why: the go command leaves them out.
func (r *run) unread(chosen []*discover.Package, progs []loaded) {
	had := map[string]bool{} // files, and directories with an error
	for _, prog := range progs {
		for _, pkg := range prog.Packages {
			for _, name := range slices.Concat(pkg.GoFiles, pkg.OtherFiles) {
				had[name] = true
			}
			had[pkg.Dir] = had[pkg.Dir] || len(pkg.Errors) > 0
		}
	}
	notable, _ := words()
	for _, p := range chosen {
		real := modules.Resolved(p.Dir)
		for _, name := range p.Files {
			if had[p.Dir] || had[real] || had[name] || had[filepath.Join(real, filepath.Base(name))] || !p.Mentions(notable...) {
				continue
			}
			src, err := modules.ReadFile(name, rooted.GoFile)
			if err != nil || slices.ContainsFunc(notable, func(w string) bool { return bytes.Contains(src, []byte(w)) }) {
				r.skip(name, finding.SkipConstraints, "the go command leaves it out of the build of this run; \"go list -f '{{.IgnoredGoFiles}}'\" there names it")
			}
		}
	}
}
