package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/verify"
	"etcdmod/rewrite"
)

// edit makes the changes and has them verified. The bump is verified on its own first, so
// that nobody else is blamed for it; then the rewrites on top of it, falling back one
// tier at a time.
func (r *run) edit(ctx context.Context, plan *rewrite.Plan) error {
	kept, failed, err := r.bumpChanges(ctx)
	if err != nil {
		return err
	}
	for plan != nil {
		changes, err := plan.Changes()
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			break
		}
		problems, err := r.verify(ctx, append(changes, kept...))
		if err != nil {
			return err
		}
		if len(problems) == 0 {
			kept = append(kept, changes...)
			break
		}
		failed = problems
		lower(plan, changes, problems, r.relative(problems[0]).String(), r.imports)
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i].Path < kept[j].Path })
	r.res.Changes = kept
	if len(kept) == 0 {
		r.res.Failed = failed
	}
	return nil
}

// imports reports whether a package imports another one of the module, directly or not.
func (r *run) imports(importer, path string) bool {
	importer = strings.TrimSuffix(importer, "_test")
	return slices.ContainsFunc(r.mod.Importers(path), func(p *discover.Package) bool { return p.Path == importer })
}

// lower weakens the rewrites that the problems may come from: of those in the files with
// problems, else in the packages with problems, else in what those import, else of all, the
// strongest. detail goes into their reasons.
func lower(plan *rewrite.Plan, changes []change.Change, problems []finding.Problem, detail string, imports func(importer, path string) bool) {
	files, packages := map[string]bool{}, map[string]bool{}
	for _, p := range problems {
		files[p.File] = true
		packages[p.Package] = true
	}
	var blamed []*finding.Finding
	for _, c := range changes {
		if files[c.Path] {
			blamed = append(blamed, rewriting(c.Findings)...)
		}
	}
	if len(blamed) == 0 {
		for _, f := range rewriting(plan.Findings) {
			if packages[f.Package] {
				blamed = append(blamed, f)
			}
		}
	}
	if len(blamed) == 0 {
		for _, f := range rewriting(plan.Findings) {
			for importer := range packages {
				if imports(importer, f.Package) {
					blamed = append(blamed, f)
					break
				}
			}
		}
	}
	if len(blamed) == 0 {
		blamed = rewriting(plan.Findings)
	}
	strongest := finding.Refuse
	for _, f := range blamed {
		strongest = max(strongest, f.Tier)
	}
	code := finding.VerifyFellBack
	if strongest == finding.Guard {
		code = finding.DoesNotBuild
	}
	for _, f := range blamed {
		if f.Tier == strongest { // once, also for a finding that several files name
			plan.Lower(f, finding.Reason{Code: code, Detail: detail, Pos: f.Pos})
		}
	}
}

// rewriting returns the findings that change something.
func rewriting(fs []*finding.Finding) (out []*finding.Finding) {
	for _, f := range fs {
		if f.Tier > finding.Refuse {
			out = append(out, f)
		}
	}
	return out
}

// A judgement is what verification says of some changes.
type judgement struct {
	problems []finding.Problem // that are new; without any the changes are accepted
	skipped  []finding.Skip    // what an acceptance says nothing about
	// old are the problems that were there before, still those that are there after as well.
	old, still []finding.Problem
}

// verify has the changes judged and notes what was not covered. packages are those that change
// although none of their files does. It returns the problems that are new.
func (r *run) verify(ctx context.Context, changes []change.Change, packages ...string) ([]finding.Problem, error) {
	v, err := r.judge(ctx, changes, packages)
	for _, s := range v.skipped {
		r.skip(s.Path, s.Reason, s.Detail)
	}
	return v.problems, err
}

// judge compiles the changes, and vets and tests them if asked to.
func (r *run) judge(ctx context.Context, changes []change.Change, packages []string) (v judgement, err error) {
	overlay := map[string][]byte{}
	for _, c := range changes {
		overlay[c.Path] = c.New
	}
	r.log("verifying %d changed files", len(changes))
	checked, uncovered := map[string]bool{}, map[string]int{}
	var unproved []finding.Skip
	for i, c := range r.Configurations {
		res, err := r.verifyIn(ctx, i, overlay, packages)
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
		if err != nil {
			return v, fmt.Errorf("cannot verify the changes%s: %w", r.note(c), err)
		}
		v.old, v.still = append(v.old, res.Old...), append(v.still, res.Still...)
		for n, p := range res.New {
			res.New[n].Message += r.note(c)
			r.log("%s: %s%s", p.Phase, r.relative(p), r.note(c))
		}
		if !res.OK() {
			v.problems = res.New
			return v, nil
		}
		for _, path := range res.Checked {
			checked[path] = true
		}
		for _, name := range res.Uncovered {
			uncovered[name]++
		}
		for _, path := range res.Unproved {
			unproved = append(unproved, unverified(path, "vet or the tests say nothing about it: it failed before as well"+r.note(c)))
		}
		if r.Test && c.foreign() {
			unproved = append(unproved, unverified(r.mod.Root, "the tests do not run on this machine"+r.note(c)))
		}
	}
	for _, d := range r.Dependants {
		of, err := r.dependant(ctx, d, overlay)
		v.skipped = append(v.skipped, of.skipped...)
		if err != nil || len(of.problems) > 0 {
			v.problems = of.problems
			return v, err
		}
	}
	r.log("verified %d packages", len(checked))
	for name, n := range uncovered {
		if n == len(r.Configurations) {
			v.skipped = append(v.skipped, unverified(name, "no package of this build configuration reads it"))
		}
	}
	v.skipped = append(v.skipped, unproved...)
	return v, nil
}

func unverified(path, detail string) finding.Skip {
	return finding.Skip{Path: path, Reason: finding.SkipUnverified, Detail: detail}
}

// dependant compiles a module that replaces this one by its directory. Its own go.mod says
// what it is built with, so that this one's does not count there.
func (r *run) dependant(ctx context.Context, d Dependant, changed map[string][]byte) (v judgement, err error) {
	overlay := map[string][]byte{}
	for name, text := range changed {
		if filepath.Ext(name) == ".go" && !strings.Contains(filepath.ToSlash(name), "/vendor/") {
			overlay[name] = text
		}
	}
	if len(overlay) == 0 {
		return v, nil
	}
	r.log("verifying %s, which is built with this module", r.mod.Rel(d.Root))
	goCmd := gocmd.Runner{Dir: d.Root, Env: r.Env, Layer: r.Layer} // GOWORK is its own affair
	if r.Bump.Offline {
		goCmd = goCmd.With("GOPROXY=off", "GONOPROXY=none")
	}
	if d.Alone {
		goCmd = goCmd.With("GOWORK=off")
	}
	for _, c := range r.Configurations {
		res, err := r.check(ctx, verify.Request{Go: goCmd.With(c.settings()...), Overlay: overlay, Flags: r.flagsFor(c)})
		switch {
		case ctx.Err() != nil:
			return v, ctx.Err()
		case err != nil:
			v.skipped = append(v.skipped, unverified(d.Root, "it is built with this module, and whether it builds with the change cannot be told: "+err.Error()+r.note(c)))
		case !res.OK():
			v.problems = res.New
			return v, nil
		}
	}
	return v, nil
}

// relative returns a problem with its file relative to the repository, for messages.
func (r *run) relative(p finding.Problem) finding.Problem {
	if p.File != "" {
		p.File = r.mod.Rel(p.File)
	}
	return p
}
