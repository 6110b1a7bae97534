// Package pipeline takes one module from its directory to verified changes.
//
// It joins the steps that each know only the step before: discover, load, find, choose
// tier, edit, bump, verify. It gives findings, changes and what was not covered. It
// never writes a file of the module and never prints; Log tells what it is doing.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"etcdmod/internal/bump"
	"etcdmod/internal/quote"

	"etcdmod/internal/bump/leaks"
	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/journal"
	"etcdmod/internal/load"
	"etcdmod/internal/modules"
	"etcdmod/internal/verify"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// Options say what to do.
type Options struct {
	Dir      string   // where to start; absolute
	Patterns []string // packages whose findings are wanted; none means ./... in Dir
	Env      []string // nil means that of this process
	Tags     string   // comma-separated build tags
	// Configurations are the build configurations in which the module is looked at and
	// every change has to hold. None means that of the environment.
	Configurations []Configuration
	Tier           finding.Tier
	Strategy       rewrite.Strategy
	Exported       rewrite.ExportedAPI
	// HelperDir is where the helper package goes, "" for the default; see [CheckHelperDir].
	// HelperImport is the import path of an existing one that is used instead.
	HelperDir, HelperImport string
	HelperHeader            []byte   // above each generated file, see helper.CheckHeader
	Forks                   []string // import paths of forks of package concurrency
	Bump                    bump.Options
	Only                    Selection
	Edit                    bool // make and verify the changes, not only the findings
	Vet                     bool
	Test                    bool
	Log                     func(format string, args ...any) // progress; may be nil
	// Repo is the directory that paths are shown relative to; "" means the root of the
	// git repository.
	Repo string
	// Layer is what earlier runs in other modules would have written; nil for nothing. It
	// counts as if it was on disk.
	Layer *gocmd.Layer
	// Awaited is what goes before the changes of this module: the go.mod and go.sum of others
	// that it is built with, as they will be; nil for nothing. What is required is judged with
	// it, and changes have to compile with it as the module does without it now.
	Awaited *gocmd.Layer
	// Tree are the modules around; nil means those of the git repository. A change that one of
	// them does not build with is not made.
	Tree *modules.Tree
	// Neighbours keep what those import; nil reads them for this run alone.
	Neighbours *Neighbours
}

// ErrPending says that a killed run must be finished or undone before anything else.
var ErrPending = errors.New("an interrupted run of etcdmod left this module half written; run \"etcdmod apply\" there to finish or undo it")

type run struct {
	Options
	builds
	mod     *discover.Module
	res     *Result
	guessed []string           // import paths of what may be forks of package concurrency
	stray   []*finding.Finding // directives in packages that are not loaded
	// dependants are modules that are built with this one and are not in its workspace.
	dependants []dependant
	// spelled are the names by which these reach the directory of the module.
	spelled []string
	near    *neighbourhood // nil where nothing was looked for
	// awaited are the files of Options.Awaited, which changes are verified with.
	awaited map[string][]byte
}

// newRun returns a run that verifies with check.
func newRun(opts Options, check func(context.Context, verify.Request) (*verify.Result, error)) *run {
	r := &run{Options: opts}
	r.builds = builds{opts: &r.Options, check: check}
	return r
}

func (o *Options) log(format string, args ...any) {
	if o.Log != nil {
		o.Log(format, args...)
	}
}

// Run does the work. An error means that nothing could be said about the module.
func Run(ctx context.Context, opts Options) (*Result, error) {
	return newRun(opts, verify.Check).run(ctx)
}

func (r *run) run(ctx context.Context) (*Result, error) {
	defer r.close()
	if err := r.open(ctx); errors.Is(err, modules.ErrNoModule) {
		return r.withoutModule(err)
	} else if err != nil {
		return nil, err
	}
	r.legacy(r.mod.Root)
	wanted, err := r.selected()
	if err != nil {
		return nil, err
	}
	r.res.Packages, r.res.Whole = len(wanted), wanted == nil
	if wanted == nil {
		r.res.Packages = len(r.mod.Packages)
	}
	if len(r.mod.Unfit) > 0 {
		r.skip(r.mod.Root, finding.SkipUnreadable, "no go command was run in this module, and nothing was looked for: it would open "+quote.Name(r.mod.Rel(r.mod.Unfit[0]))+", for which there is a note; put that right and run again")
		r.finish()
		return r.res, nil
	}
	module := r.module()
	plan, verdict, err := r.look(ctx, module, wanted)
	if err != nil {
		return nil, err
	}
	judged := verdict != nil
	if !judged {
		verdict = &bump.Verdict{}
	}
	only := &chooser{r.Only, r.mod.Rel, map[string]bool{}}
	r.res.Unselected = verdict.Choose(func(b bump.Bump) bool { return only.bump(b, r.mod.GoModFile) })
	r.skips(verdict.Skipped)
	rewrites, err := r.choose(plan, only)
	if err != nil {
		return nil, err
	}
	calls, err := r.leaks(ctx, verdict)
	if err != nil {
		return nil, err
	}
	made := &bump.Made{Bumps: verdict.Bumps}
	if r.Edit {
		if judged && r.Only.bumps() {
			if made, err = bump.Make(ctx, module, r.Bump, verdict); err != nil {
				return nil, err
			}
		}
		r.skips(made.Skipped)
		r.settle(made)
		if err := r.edit(ctx, plan, rewrites, made); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// Those of the go.mod come before what other files pin.
	r.res.Bumps = append(bump.WithCalls(made.Bumps, calls), r.res.Bumps...)
	r.finish()
	r.res.part = func(ctx context.Context, some []change.Change) ([]finding.Problem, error) {
		v, err := r.judge(ctx, some, nil, made.Flags) // what is not covered is the same as of all changes
		return v.Problems, err
	}
	return r.res, nil
}

// look judges the go.mod and looks for loops. Where nothing can be said about one of the two, that is
// noted, and the other one is reported: verdict is nil for a go.mod that nobody can judge.
func (r *run) look(ctx context.Context, module bump.Module, wanted map[string]bool) (plan *rewrite.Plan, verdict *bump.Verdict, err error) {
	verdict, bumpErr := bump.Judge(ctx, module, r.Bump)
	if !r.Bump.Only {
		plan, err = r.find(ctx, wanted)
	}
	var unparsed *modbump.ParseError
	var unloaded *loadError
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case r.Bump.Only && bumpErr != nil && !errors.As(bumpErr, &unparsed):
		return nil, nil, bumpErr
	case err != nil && bumpErr != nil && !errors.Is(err, gocmd.ErrNoGo):
		return nil, nil, bumpErr // says more about a go.mod that nobody can read
	case bumpErr == nil && errors.As(err, &unloaded) && len(verdict.Bumps) > 0 && len(verdict.Skipped) == 0:
		// The go.mod is judged in any case, and what is built of it is known.
		r.skip(r.mod.Root, finding.SkipMetadata, err.Error())
	case err != nil:
		return nil, nil, err
	case bumpErr != nil:
		r.skip(r.mod.GoModFile, finding.SkipGoMod, bumpErr.Error())
		return plan, nil, nil
	}
	return plan, verdict, nil
}

// choose settles the tiers of the findings, and returns the rewrites.
func (r *run) choose(plan *rewrite.Plan, only *chooser) ([]change.Change, error) {
	if plan == nil {
		return nil, only.missing()
	}
	plan.Limit(r.Tier)
	r.res.Unselected += only.apply(plan)
	if err := only.missing(); err != nil {
		return nil, err
	}
	r.res.Findings, r.res.Ignored, r.res.Tries = plan.Findings, plan.Ignored, plan.Tries
	changes, err := plan.Changes()
	if err != nil {
		return nil, err
	}
	r.bazel(changes)
	return changes, nil
}

// leaks finds the calls that make the leak of a client real. Packages that do not load have
// no calls; what is bumped does not depend on them.
func (r *run) leaks(ctx context.Context, verdict *bump.Verdict) ([]leaks.Call, error) {
	if !verdict.Leaks() {
		return nil, nil
	}
	r.log("looking for calls that leak")
	progs, err := r.load(ctx, load.NewCache(), r.mod, r.mod.Importers(modbump.ClientImports()...))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		r.log("they cannot be told: %v", err)
		return nil, nil
	}
	var all []leaks.Program
	for _, prog := range progs {
		all = append(all, leaks.Program{Fset: prog.Fset, Packages: prog.Packages})
	}
	return leaks.Calls(all...), nil
}

// open finds the module and makes sure that no other run is half done there.
func (r *run) open(ctx context.Context) error {
	if err := modules.CheckModFile(r.Env); err != nil {
		return err
	}
	r.log("reading import blocks below %s", r.Dir)
	notable, hints := words()
	opts := discover.Options{
		Words: notable,
		Hints: hints,
		Paths: r.paths(),
		Repo:  r.Repo,
	}
	mod, err := r.discover(opts, nil)
	if err != nil {
		return err
	}
	r.mod, r.res = mod, &Result{Module: mod}
	for _, dir := range homes(mod) {
		if pending, err := journal.Pending(dir); err != nil {
			return err
		} else if pending {
			return fmt.Errorf("%s: %w", quote.Name(dir), ErrPending)
		}
	}
	r.goCmd = gocmd.Runner{Dir: mod.Root, Env: r.Env, Layer: r.Layer}
	if r.awaited, err = r.Awaited.Files(); err != nil {
		return err
	}
	if r.Bump.Offline {
		r.goCmd = r.goCmd.With("GOPROXY=off", "GONOPROXY=none")
	}
	if dropped := r.goCmd.Dropped(); len(dropped) > 0 {
		r.log("left out of GOFLAGS for the commands that etcdmod runs: %s", strings.Join(dropped, " "))
	}
	if mod.Outside != "" {
		// The go command would refuse; a module that no workspace uses is on its own.
		r.goCmd = r.goCmd.With("GOWORK=off")
		r.log("%s does not use this module: going on with GOWORK=off", mod.Outside)
	}
	if slices.ContainsFunc(modules.GoFlags(r.Env), func(f string) bool { return strings.TrimLeft(f, "-") == "mod=mod" }) {
		// With -mod=mod even "go list" writes go.mod and go.sum.
		r.flags = append(r.flags, "-mod=readonly")
	}
	if err := r.listApart(); err != nil {
		return err
	}
	if mod.Conditional && len(mod.Unfit) == 0 && mod.Imports(locks(r.paths())) {
		if mod, err = r.discover(opts, r.contexts(ctx)); err != nil {
			return err
		}
		r.mod, r.res.Module = mod, mod
	}
	r.guess()
	for _, n := range mod.Skipped {
		r.skip(n.Path, n.Reason, n.Detail)
	}
	return nil
}

// selected resolves the package patterns. It returns nil where they mean the whole
// module.
func (r *run) selected() (map[string]bool, error) {
	patterns := r.Patterns
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	if r.Dir == r.mod.Root && slices.Equal(patterns, []string{"./..."}) {
		return nil, nil
	}
	return r.mod.Match(r.Dir, patterns)
}
