package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/gosum"
	"etcdmod/internal/modules"
	"etcdmod/internal/vendoring"
	"etcdmod/modbump"
)

// rounds bounds how often a go.mod is amended: each round adds what the last one showed
// to be missing, and the modules that may be missing are few.
const rounds = 8

// An attempt makes some bumps together and finds out what follows from them.
type attempt struct {
	*run
	bumps []int       // indexes of the findings
	way   modbump.Way // what else changes for them

	gomod, gosum []byte
	notes        []string // the plan, apart from what is about one bump
	movedGRPC    string   // the version of grpc that is built with the bumps, if it is another one
	amended      bool
	asIs         error    // what the go command says of the go.mod without the bumps
	flags        []string // for the verification of what comes after
	changes      []change.Change
	failed       []finding.Problem
}

func (a *attempt) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// try makes some bumps together, in the first of the ways in which the module builds. Where
// there is none it gives the attempt and the refusal of the first, with what came of the others.
func (r *run) try(ctx context.Context, bumps []int) (first *attempt, refused *Refusal, err error) {
	ways := []modbump.Way{{}}
	for _, i := range bumps {
		b := r.res.Bumps[i]
		ways = modbump.Ways(r.mod.GoMod, module.Version{Path: b.Module, Version: b.Target}, r.policy.Build, r.Bump.Pin)
		if len(ways) > 1 || ways[0].String() != "" {
			break // no two clients need another grpc: they have one in common
		}
	}
	for _, way := range ways {
		if way.String() != "" {
			r.log("trying with %s", way)
		}
		a := &attempt{run: r, bumps: bumps, way: way}
		why, err := a.make(ctx)
		switch {
		case err != nil || why == nil:
			return a, why, err
		case first == nil:
			first, refused = a, why
		default:
			said, _, _ := strings.Cut(why.Detail, "\n")
			refused.Detail += fmt.Sprintf("\nwith %q: %s: %s", way, why.Code, said)
		}
	}
	return first, refused, nil
}

// make computes and verifies the changes. A refusal says why they are not made.
func (a *attempt) make(ctx context.Context) (*Refusal, error) {
	a.gomod = a.plan.Edit(a.bumps...)
	if err := a.follow(a.way); err != nil {
		return nil, err
	}
	if err := a.complete(ctx); err != nil {
		if why := a.rejected(ctx, err); why != nil {
			return why, nil
		}
		why, err := a.refusal(ctx, err)
		if why != nil && why.Code == gosum.ReasonIncomplete {
			a.advise(why) // a package that grpc has no more is not there either
		}
		return why, err
	}
	if a.Bump.Tidy {
		if err := a.tidy(ctx); err != nil {
			return a.refusal(ctx, err)
		}
	}
	if why, err := a.selects(ctx); why != nil || err != nil {
		return why, err
	}
	a.moves(ctx)
	if a.mod.Workspace != "" {
		a.note("go.work.sum: the go command adds what it lacks by itself")
	}
	a.changes = changed(a.changes, a.mod.GoModFile, a.mod.GoMod, a.gomod)
	if a.goSum == nil && len(a.gosum) == 0 {
		a.gosum = nil
	}
	a.changes = changed(a.changes, a.sumFile, a.goSum, a.gosum)
	return a.build(ctx)
}

// build vendors the new versions, where the module is vendored, and compiles with them.
func (a *attempt) build(ctx context.Context) (*Refusal, error) {
	defer func(flags []string) { a.run.flags = flags }(a.run.flags)
	files := a.changes
	if exists(filepath.Join(a.mod.Root, "vendor", "modules.txt")) {
		a.log("vendoring again")
		vendored, err := vendoring.Changes(ctx, a.goCmd, a.mod.Root, vendoring.State{GoMod: a.mod.GoMod, GoSum: a.goSum}, vendoring.State{GoMod: a.gomod, GoSum: a.gosum})
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return &Refusal{Code: finding.Vendored, Detail: a.local(err.Error())}, nil
		}
		a.changes = append(a.changes, vendored...)
		a.note("vendor: %d files change, as with \"go mod vendor\"", len(vendored))
		// What is vendored comes from the module cache, where it can be compiled
		// without the old copies in the way.
		a.flags = []string{"-mod=readonly"}
		a.run.flags = append(slices.Clone(a.run.flags), a.flags...)
	}
	if len(files) == 0 {
		return nil, nil
	}
	v, err := a.judge(ctx, files, a.bumped(a.bumps))
	var said *gocmd.Error
	switch {
	case ctx.Err() == nil && !errors.Is(err, gocmd.ErrNoGo) && errors.As(err, &said):
		return a.unbuilt("the module does not load as it is, so that the bump cannot be compared with it; let the go command put that right first: " + said.Stderr), nil
	case err != nil:
		return nil, err
	}
	if len(v.problems) == 0 {
		if v.problems, err = a.tools(ctx); err != nil {
			return a.refusal(ctx, err)
		}
	}
	why := a.broken(v)
	if why == nil {
		for _, s := range v.skipped {
			a.skip(s.Path, s.Reason, s.Detail)
		}
	}
	return why, nil
}

// broken refuses what does not build. A client of which a package did not compile before says
// nothing about the bump, whatever else is wrong with it now.
func (a *attempt) broken(v judgement) *Refusal {
	client := func(p finding.Problem) bool {
		mod, ok := modbump.ModuleOf(p.Package)
		return ok && slices.ContainsFunc(a.bumps, func(i int) bool { return a.res.Bumps[i].Module == mod })
	}
	for _, p := range v.problems {
		if !client(p) || !slices.ContainsFunc(v.old, func(old finding.Problem) bool { return old.Package == p.Package }) {
			a.failed = v.problems
			return a.advise(&Refusal{Code: finding.DoesNotBuild, Detail: a.relative(p).String()})
		}
	}
	for _, p := range v.old {
		still := len(v.problems) > 0 || slices.ContainsFunc(v.still, func(s finding.Problem) bool { return s.Package == p.Package })
		if client(p) && still {
			return a.advise(a.unbuilt(a.relative(p).String()))
		}
	}
	return nil
}

// unbuilt refuses what did not build before.
func (a *attempt) unbuilt(said string) *Refusal {
	return &Refusal{Code: finding.DidNotBuild, Detail: a.local(said)}
}

// rejected refuses a go.mod that the go command does not take as it is, without the bumps. err
// is what it said of the edited one.
func (a *attempt) rejected(ctx context.Context, err error) *Refusal {
	var untidy *gosum.UntidyError
	switch {
	case ctx.Err() != nil || errors.Is(err, gocmd.ErrNoGo) || gosum.Reason(err) != "":
		return nil // the error says more
	case errors.As(a.asIs, &untidy):
		return &Refusal{Code: finding.GoModRejected, Detail: "the go command does not build with this go.mod: " + modbump.BlameUntidy(a.mod.GoMod, untidy.Wanted)}
	case a.asIs != nil:
		err = a.asIs
	}
	said := goSaid(err)
	advice := modbump.Blame(a.mod.GoMod, said)
	switch {
	case advice != "":
		said += "; " + advice
	case a.asIs == nil:
		return nil // the bump may be to blame
	}
	return &Refusal{Code: finding.GoModRejected, Detail: a.local(said)}
}

// goSaid gives the words of the go command in one line, without what it told of its progress.
func goSaid(err error) string {
	var cmd *gocmd.Error
	if !errors.As(err, &cmd) || cmd.Stderr == "" {
		return err.Error()
	}
	var said []string
	for line := range strings.Lines(cmd.Stderr) {
		progress := slices.ContainsFunc([]string{"go: downloading ", "go: finding ", "go: found "}, func(p string) bool { return strings.HasPrefix(line, p) })
		if !progress {
			said = append(said, strings.Fields(line)...)
		}
	}
	return strings.Join(said, " ")
}

// advise adds what of go.mod would make the bumps build, where that is known.
func (a *attempt) advise(why *Refusal) *Refusal {
	for _, i := range a.bumps {
		b := a.res.Bumps[i]
		if line, fits, pin := modbump.GRPC(module.Version{Path: b.Module, Version: b.Target}, a.grpc()); !fits && pin != "" {
			why.Detail += "\n" + line
		}
	}
	return why
}

// grpc returns the version of grpc that is built with the bumps, or else without; "" where
// it is not known.
func (a *attempt) grpc() string {
	switch {
	case a.movedGRPC != "":
		return a.movedGRPC
	case a.policy.Build == nil:
		return ""
	}
	return a.policy.Build.GRPC
}

// complete amends the go.mod with the requirements that the bumps entail, as few as there
// can be, and completes its go.sum.
func (a *attempt) complete(ctx context.Context) error {
	// What a bumped module needs makes a go.mod that follows it untidy.
	untidy := !a.Bump.Refresh && a.untidy(ctx)
	var added []module.Version
	for range rounds {
		if !untidy {
			need, goVersion, err := gosum.Settled(ctx, a.goCmd, a.gomod, a.goSum)
			if err != nil {
				return err
			}
			if err := a.amend(need, goVersion, "another requirement asks for it"); err != nil {
				return err
			}
		}
		a.log("completing go.sum for the edited go.mod")
		sum, report, err := gosum.Complete(ctx, a.goCmd, a.gomod, a.goSum)
		if err == nil {
			a.gosum = sum
			if n := len(report.Added); n > 0 {
				a.note("go.sum: %d lines are added", n)
			}
			return nil
		}
		need, goVersion := a.missing(ctx, err)
		if a.ungoverned() {
			need, goVersion = a.pinned(ctx, need, goVersion)
		}
		if untidy || len(need) == 0 && goVersion == "" || slices.Equal(need, added) {
			return err
		}
		added = need
		if err := a.amend(need, goVersion, "a package of it is needed, and nothing else provides it"); err != nil {
			return err
		}
	}
	return errors.New("no set of requirements was found that the go command is content with; bump with \"go get\"")
}

// dependants notes the modules of the repository that this one is part of by a local
// replace: their requirements and sums follow from its.
func (a *attempt) dependants(ctx context.Context) {
	find := a.Bump.Tree
	if find == nil {
		find = func() (*modules.Tree, error) {
			return modules.Find(ctx, a.mod.Repo, modules.Options{Env: a.Env})
		}
	}
	tree, err := find()
	if err != nil {
		return
	}
	i, ok := tree.Index(a.mod.Root)
	if !ok {
		return // what .gitignore leaves out has no dependants that count
	}
	for _, j := range tree.Replacers(i) {
		dir := tree.Abs(tree.Modules[j].Dir)
		if slices.Contains(a.Bump.Together, dir) {
			continue
		}
		rel, err := filepath.Rel(modules.Resolved(a.mod.Root), dir)
		if err != nil {
			rel = dir
		}
		a.note("dependant: the module in %s replaces this one by its directory; bump it next, or both at once with \"etcdmod bump . %s\"", filepath.ToSlash(rel), filepath.ToSlash(rel))
	}
}

// untidy reports whether the go command wants to change the go.mod also without a bump.
// Nothing can be said of such a file but what the go command says.
func (a *attempt) untidy(ctx context.Context) bool {
	need, goVersion, err := gosum.Settled(ctx, a.goCmd, a.mod.GoMod, a.goSum)
	if a.asIs = err; err == nil && len(need) > 0 {
		a.asIs = &gosum.UntidyError{Wanted: need, Go: goVersion, Err: errors.New("updates to go.mod needed")}
	}
	return a.asIs != nil
}

// missing returns the requirements that would help against an error of the completion.
func (a *attempt) missing(ctx context.Context, err error) (need []module.Version, goVersion string) {
	var incomplete *gosum.IncompleteError
	var untidy *gosum.UntidyError
	switch {
	case errors.As(err, &untidy):
		return untidy.Wanted, untidy.Go
	case !errors.As(err, &incomplete):
		return nil, ""
	}
	list, listErr := gosum.BuildList(ctx, a.goCmd, a.gomod, a.goSum)
	if listErr != nil {
		return nil, ""
	}
	built := func(path string) string {
		for _, m := range list {
			if m.Path == path {
				return m.Version
			}
		}
		return ""
	}
	for _, line := range incomplete.Packages {
		pkg, _, _ := strings.Cut(line, ": ")
		mod, ok := modbump.Provide(pkg, built)
		if ok && gosum.Available(ctx, a.goCmd, mod) != nil {
			ok = false
		}
		for _, w := range incomplete.Wanted {
			if !ok && (pkg == w.Path || strings.HasPrefix(pkg, w.Path+"/")) {
				mod, ok = w, true
			}
		}
		if ok && !slices.Contains(need, mod) {
			need = append(need, mod)
		}
	}
	return need, ""
}

// ungoverned reports whether one of the bumped modules has no go.mod of its own, so that
// nothing says with which versions of others it was built.
func (a *attempt) ungoverned() bool {
	return slices.ContainsFunc(a.bumps, func(i int) bool { return strings.HasSuffix(a.res.Bumps[i].Target, "+incompatible") })
}

// pinned gives requirements that the go command asks for the versions that the policy knows,
// where the module is not in the build: the newest, which the go command takes, may not even
// compile with the client. What the policy does not know is left out. The go line that goes with
// the newest does not count then.
func (a *attempt) pinned(ctx context.Context, need []module.Version, goVersion string) ([]module.Version, string) {
	list, err := gosum.BuildList(ctx, a.goCmd, a.gomod, a.goSum)
	if err != nil {
		return nil, ""
	}
	built := map[string]string{}
	for _, m := range list {
		built[m.Path] = m.Version
	}
	var out []module.Version
	for _, mod := range need {
		version, ok := built[mod.Path]
		if ok && version == mod.Version {
			out = append(out, mod)
			continue
		}
		goVersion = ""
		if version, ok = modbump.Provided(mod.Path); ok && built[mod.Path] == "" {
			out = append(out, module.Version{Path: mod.Path, Version: version})
		}
	}
	return out, goVersion
}

// tidy does what "go mod tidy" does.
func (a *attempt) tidy(ctx context.Context) error {
	a.log("tidying")
	gomod, sum, err := gosum.Tidy(ctx, a.goCmd, a.gomod, a.gosum)
	if err != nil {
		return err
	}
	if !bytes.Equal(gomod, a.gomod) || !bytes.Equal(sum, a.gosum) {
		a.note("go.mod and go.sum are as \"go mod tidy\" leaves them")
	}
	a.gomod, a.gosum = gomod, sum
	return nil
}

// selects checks that the go command builds the new versions.
func (a *attempt) selects(ctx context.Context) (*Refusal, error) {
	for _, i := range a.bumps {
		b := a.res.Bumps[i]
		got, err := gosum.Selected(ctx, a.goCmd, a.gomod, a.gosum, b.Module)
		if err == nil && got != b.Target && a.mod.Workspace != "" {
			// Another module of the workspace asks for more; this one is also built alone.
			got, err = gosum.Selected(ctx, a.goCmd.With("GOWORK=off"), a.gomod, a.gosum, b.Module)
		}
		var replaced *gosum.ReplacedError
		if b.Replacement && errors.As(err, &replaced) && replaced.By == b.Module+" "+b.Target {
			continue
		}
		if err != nil {
			return a.refusal(ctx, err)
		}
		if got != b.Target {
			detail := fmt.Sprintf("the go command selects %s %s", b.Module, got)
			if via := gosum.Chain(ctx, a.goCmd, a.gomod, a.gosum, module.Version{Path: b.Module, Version: got}); len(via) > 0 {
				detail += fmt.Sprintf(", which %s requires", via[len(via)-1])
			}
			return &Refusal{Code: finding.HeldVersion, Detail: detail}, nil
		}
	}
	return nil, nil
}

// moves notes which other modules are built in another version than before, as far as the
// diff of go.mod does not show it. Modules of which no package is needed have no content in
// go.sum, and are of no interest.
func (a *attempt) moves(ctx context.Context) {
	if a.policy.Build == nil && !a.amended && !a.Bump.Tidy {
		return
	}
	before, err1 := gosum.BuildList(ctx, a.goCmd, a.mod.GoMod, a.goSum)
	after, err2 := gosum.BuildList(ctx, a.goCmd, a.gomod, a.gosum)
	if err1 != nil || err2 != nil {
		return
	}
	is := func(m gosum.Module) string {
		if m.Replace != nil {
			return m.Replace.Path + " " + m.Replace.Version
		}
		return m.Version
	}
	was := map[string]string{}
	for _, m := range before {
		was[m.Path] = is(m)
	}
	edited := requirements(a.gomod)
	for path, version := range requirements(a.mod.GoMod) {
		if edited[path] == version {
			delete(edited, path) // what is left changes in go.mod
		}
	}
	for _, m := range after {
		shown := edited[m.Path] != "" || slices.ContainsFunc(a.bumps, func(i int) bool { return a.res.Bumps[i].Module == m.Path })
		needed := bytes.Contains(a.gosum, []byte(m.Path+" "+m.Version+" h1:"))
		if m.Path == "google.golang.org/grpc" {
			a.movedGRPC = m.Version
			if m.Replace != nil {
				a.movedGRPC = m.Replace.Version
			}
		}
		if old, ok := was[m.Path]; ok && old != is(m) && needed && !shown {
			a.note("also moves: %s from %s to %s", m.Path, old, is(m))
		}
	}
}

// notesFor returns the plan of one bump. What is about all of them goes with the first.
func (a *attempt) notesFor(i int) []string {
	b := a.res.Bumps[i]
	var notes []string
	if line, _, _ := modbump.GRPC(module.Version{Path: b.Module, Version: b.Target}, a.grpc()); line != "" {
		notes = append(notes, line)
	}
	if i == a.bumps[0] {
		notes = append(notes, a.notes...)
	}
	return notes
}
