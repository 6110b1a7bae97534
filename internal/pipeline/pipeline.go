// Package pipeline takes one module from its directory to verified changes.
//
// It joins the steps that each know only the step before: discover, load, find, choose
// tier, edit, bump, verify. It gives findings, changes and what was not covered. It
// never writes a file of the module and never prints; Log tells what it is doing.
package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"etcdmod/internal/discover"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/gosum"
	"etcdmod/internal/helper"
	"etcdmod/internal/journal"
	"etcdmod/internal/load"
	"etcdmod/internal/verify"
	"etcdmod/internal/version"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// Options say what to do.
type Options struct {
	Dir      string   // where to start; absolute
	Patterns []string // packages whose findings are wanted; none means ./...
	Env      []string // nil means that of this process
	Tags     string   // comma-separated build tags
	Tier     rewrite.Tier
	Edit     bool // make and verify the changes, not only the findings
	Vet      bool
	Test     bool
	Log      func(format string, args ...any) // progress; may be nil
}

// A Skip is something that was not covered.
type Skip struct {
	Path   string // absolute file or directory, or an import path
	Reason string
	Detail string
}

// A Bump is what the policy says of one requirement in go.mod.
type Bump struct {
	modbump.Finding
	// Refused says why a bump that the policy wants was not made.
	Refused string
}

// A Result is what became of a module.
type Result struct {
	Module   *discover.Module
	Findings []*rewrite.Finding
	Bumps    []Bump
	Changes  []rewrite.Change // verified, sorted by path
	Skipped  []Skip
	// Incomplete says that something was refused or not covered.
	Incomplete bool
	// Failed holds what verification said when no change was left that it accepts.
	Failed []verify.Problem
}

// ErrPending says that a killed run must be finished or undone before anything else.
var ErrPending = errors.New("an interrupted run of etcdmod left this module half written; run \"etcdmod apply\" there to finish or undo it")

type run struct {
	Options
	mod   *discover.Module
	goCmd gocmd.Runner
	flags []string
	res   *Result
}

func (r *run) log(format string, args ...any) {
	if r.Log != nil {
		r.Log(format, args...)
	}
}

// words are looked for in the source before anything is loaded: without a call of
// TryLock in the module there is no loop to find.
var words = []string{".TryLock"}

// Run does the work. An error means that nothing could be said about the module.
func Run(ctx context.Context, opts Options) (*Result, error) {
	r := &run{Options: opts}
	paths := map[string]bool{}
	for _, p := range rewrite.ConcurrencyPaths {
		paths[p] = true
	}
	r.log("reading import blocks below %s", opts.Dir)
	mod, err := discover.Find(opts.Dir, discover.Options{
		Tags:   strings.FieldsFunc(opts.Tags, func(c rune) bool { return c == ',' }),
		GOWORK: getenv(opts.Env, "GOWORK"),
		Words:  words,
		Paths:  paths,
	})
	if err != nil {
		return nil, err
	}
	r.mod = mod
	r.res = &Result{Module: mod}
	if pending, err := journal.Pending(mod.Root); err != nil {
		return nil, err
	} else if pending {
		return nil, fmt.Errorf("%s: %w", mod.Root, ErrPending)
	}
	r.goCmd = gocmd.Runner{Dir: mod.Root, Env: opts.Env}
	if mod.Outside != "" {
		// The go command would refuse; a module that no workspace uses is on its own.
		r.goCmd = r.goCmd.With("GOWORK=off")
		r.log("%s does not use this module: going on with GOWORK=off", mod.Outside)
	}
	if opts.Tags != "" {
		r.flags = append(r.flags, "-tags="+opts.Tags)
	}
	for _, n := range mod.Notes {
		r.skip(n.Path, n.Reason, n.Detail)
	}

	plan, err := r.find(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.bumps(); err != nil {
		return nil, err
	}
	if plan != nil {
		plan.Limit(opts.Tier)
		r.res.Findings = plan.Findings
		if _, err := plan.Changes(); err != nil { // settles the tiers
			return nil, err
		}
	}
	if opts.Edit {
		if err := r.edit(ctx, plan); err != nil {
			return nil, err
		}
	}
	r.finish()
	return r.res, nil
}

func getenv(env []string, key string) string {
	if env == nil {
		return os.Getenv(key)
	}
	value := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, key+"="); ok {
			value = v
		}
	}
	return value
}

func (r *run) skip(path, reason, detail string) {
	r.res.Skipped = append(r.res.Skipped, Skip{path, reason, detail})
}

// find loads what can see the mutex and analyses it. It returns nil where nothing can
// matter, without running the go command.
func (r *run) find(ctx context.Context) (*rewrite.Plan, error) {
	chosen := r.mod.Importers(rewrite.ConcurrencyPaths...)
	mentioned := false
	for _, p := range chosen {
		mentioned = mentioned || p.Mention[".TryLock"]
	}
	if !mentioned {
		r.log("no package that can reach an etcd mutex calls TryLock")
		return nil, r.checkPatterns(ctx)
	}
	var dirs []string
	ignored := map[string][]byte{}
	for _, p := range chosen {
		if len(p.Files) == 0 {
			continue
		}
		dirs = append(dirs, p.Dir)
		for _, name := range p.Ignored {
			if src, err := os.ReadFile(name); err == nil {
				ignored[name] = src
			}
		}
		if p.Bazel {
			r.skip(p.Dir, "bazel", "the BUILD file's deps are not edited; add the helper package where a rewritten file imports it")
		}
	}
	r.log("loading %d of %d packages", len(dirs), len(r.mod.Packages))
	prog, err := load.Load(ctx, r.goCmd, dirs, r.flags)
	if err != nil {
		return nil, err
	}
	for _, p := range prog.Problems() {
		reason := "does not type-check"
		if p.Syntax {
			reason = "syntax error"
		}
		at := p.Pos
		if at == "" {
			at = p.Package
		}
		r.skip(at, reason, p.Message)
	}
	selected, err := r.selected(ctx)
	if err != nil {
		return nil, err
	}
	r.log("analysing %d files", len(prog.Sources))
	plan := rewrite.Analyze(&rewrite.Input{
		Fset:        prog.Fset,
		Packages:    prog.Packages,
		Sources:     prog.Sources,
		ModulePath:  r.mod.Path,
		ModuleDir:   r.mod.Root,
		HelperDir:   helper.DefaultDir,
		HelperFiles: r.helperFiles(),
		Version:     version.Version,
		Selected:    selected,
		Programs:    r.mod.Programs(),
		Ignored:     ignored,
	})
	return plan, nil
}

// helperFiles reads what is in the helper's directory now.
func (r *run) helperFiles() map[string][]byte {
	files := map[string][]byte{}
	dir := filepath.Join(r.mod.Root, filepath.FromSlash(helper.DefaultDir))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return files
	}
	for _, e := range entries {
		if src, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
			files[e.Name()] = src
		}
	}
	return files
}

// all reports whether the patterns mean the whole module.
func (r *run) all() bool {
	return len(r.Patterns) == 0 || slices.Equal(r.Patterns, []string{"./..."}) && r.Dir == r.mod.Root
}

// selected resolves the package patterns as the go command does.
func (r *run) selected(ctx context.Context) (func(string) bool, error) {
	patterns := r.Patterns
	if r.all() {
		return nil, nil
	}
	args := append([]string{"list", "-e", "-f", "{{.ImportPath}}"}, r.flags...)
	out, err := r.goCmd.In(r.Dir).Run(ctx, append(append(args, "--"), patterns...)...)
	if err != nil {
		return nil, err
	}
	want := map[string]bool{}
	for _, path := range strings.Fields(string(out)) {
		if r.mod.Packages[path] == nil {
			return nil, fmt.Errorf("no package %s in module %s", path, r.mod.Path)
		}
		want[path] = true
	}
	return func(path string) bool { return want[path] || want[strings.TrimSuffix(path, "_test")] }, nil
}

// checkPatterns reports patterns that match nothing, as the go command would.
func (r *run) checkPatterns(ctx context.Context) error {
	_, err := r.selected(ctx)
	return err
}

// bumps judges the requirements of go.mod.
func (r *run) bumps() error {
	res, err := modbump.Plan(r.mod.GoModFile, r.mod.GoMod)
	if err != nil {
		return err
	}
	for _, f := range res.Findings {
		r.res.Bumps = append(r.res.Bumps, Bump{Finding: f})
	}
	return nil
}

// edit makes the changes and has them verified, falling back one tier at a time.
func (r *run) edit(ctx context.Context, plan *rewrite.Plan) error {
	modChanges, err := r.bumpChanges(ctx)
	if err != nil {
		return err
	}
	for {
		var changes []rewrite.Change
		if plan != nil {
			if changes, err = plan.Changes(); err != nil {
				return err
			}
		}
		changes = append(changes, modChanges...)
		if len(changes) == 0 {
			return nil
		}
		problems, err := r.verify(ctx, changes)
		if err != nil {
			return err
		}
		if len(problems) == 0 {
			sort.Slice(changes, func(i, j int) bool { return changes[i].Path < changes[j].Path })
			r.res.Changes = changes
			return nil
		}
		for _, p := range problems {
			r.log("the change does not build: %s", p)
		}
		if plan != nil && lowerForBuild(plan, changes, problems) {
			continue
		}
		if len(modChanges) > 0 {
			for i := range r.res.Bumps {
				if b := &r.res.Bumps[i]; b.Action == modbump.Bump {
					b.Refused = "does-not-build: " + problems[0].String()
				}
			}
			modChanges = nil
			continue
		}
		r.res.Failed = problems
		return nil
	}
}

// lowerForBuild weakens the rewrites that the problems may come from. It reports whether
// there was anything to weaken.
func lowerForBuild(plan *rewrite.Plan, changes []rewrite.Change, problems []verify.Problem) bool {
	inFile := map[string]bool{}
	for _, p := range problems {
		inFile[p.File] = true
	}
	blame := map[*rewrite.Finding]bool{}
	var order []*rewrite.Finding
	add := func(f *rewrite.Finding) {
		if f.Tier > rewrite.Refuse && !blame[f] {
			blame[f] = true
			order = append(order, f)
		}
	}
	for _, c := range changes {
		if inFile[c.Path] {
			for _, f := range c.Findings {
				add(f)
			}
		}
	}
	if len(order) == 0 { // an importer broke: anyone may be the cause
		for _, f := range plan.Findings {
			add(f)
		}
	}
	for _, f := range order {
		code := rewrite.VerifyFellBack
		if f.Tier == rewrite.Guard {
			code = rewrite.DoesNotBuild
		}
		if f.Tier > rewrite.Refuse {
			plan.Lower(f, rewrite.Reason{Code: code, Detail: problems[0].String(), Pos: f.Pos})
		}
	}
	return len(order) > 0
}

// verify compiles the changes.
func (r *run) verify(ctx context.Context, changes []rewrite.Change) ([]verify.Problem, error) {
	overlay := map[string][]byte{}
	for _, c := range changes {
		overlay[c.Path] = c.New
	}
	r.log("verifying %d changed files", len(changes))
	res, err := verify.Check(ctx, verify.Request{
		Go:      r.goCmd,
		Overlay: overlay,
		Flags:   r.flags,
		Vet:     r.Vet,
		Test:    r.Test,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot verify the changes: %w", err)
	}
	r.log("verified %d packages", len(res.Checked))
	return res.New, nil
}

// bumpChanges completes go.sum for the edited go.mod and checks that the bump counts.
func (r *run) bumpChanges(ctx context.Context) ([]rewrite.Change, error) {
	plan, err := modbump.Plan(r.mod.GoModFile, r.mod.GoMod)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(plan.Edited, r.mod.GoMod) {
		return nil, nil
	}
	refuse := func(reason string) {
		for i := range r.res.Bumps {
			if b := &r.res.Bumps[i]; b.Action == modbump.Bump {
				b.Refused = reason
			}
		}
	}
	sumFile := filepath.Join(r.mod.Root, "go.sum")
	oldSum, err := os.ReadFile(sumFile)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("cannot read go.sum: %w", err)
	}
	missing := os.IsNotExist(err)
	r.log("completing go.sum for the edited go.mod")
	newSum, _, err := gosum.Complete(ctx, r.goCmd, plan.Edited, oldSum)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, gocmd.ErrNoGo) {
			return nil, err
		}
		reason := gosum.Reason(err)
		if reason == "" {
			reason = "go-sum"
		}
		refuse(reason + ": " + err.Error())
		return nil, nil
	}
	for _, f := range plan.Findings {
		if f.Action != modbump.Bump {
			continue
		}
		got, err := gosum.Selected(ctx, r.goCmd, plan.Edited, newSum, f.Module)
		switch {
		case err != nil:
			refuse("not-selected: " + err.Error())
			return nil, nil
		case got != f.Target:
			r.log("the build list selects %s %s, more than the requirement", f.Module, got)
		}
	}
	out := []rewrite.Change{{Path: r.mod.GoModFile, Old: r.mod.GoMod, New: plan.Edited}}
	if !bytes.Equal(oldSum, newSum) {
		out = append(out, rewrite.Change{Path: sumFile, Old: oldSum, New: newSum, Created: missing})
	}
	return out, nil
}

// finish sums up.
func (r *run) finish() {
	sort.Slice(r.res.Skipped, func(i, j int) bool {
		a, b := r.res.Skipped[i], r.res.Skipped[j]
		if a.Path != b.Path {
			return a.Path < b.Path
		}
		return a.Detail < b.Detail
	})
	r.res.Skipped = slices.Compact(r.res.Skipped)
	r.res.Incomplete = len(r.res.Skipped) > 0
	for _, f := range r.res.Findings {
		r.res.Incomplete = r.res.Incomplete || f.Tier == rewrite.Refuse
	}
	for _, b := range r.res.Bumps {
		r.res.Incomplete = r.res.Incomplete || b.Refused != "" || b.Action == modbump.Refuse
	}
}
