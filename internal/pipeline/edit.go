package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"etcdmod/internal/bump"
	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/patch"
	"etcdmod/internal/verify"
	"etcdmod/rewrite"
)

// edit has the rewrites verified on top of the bump, which was verified on its own so that
// nobody else is blamed for it. They fall back one tier at a time.
func (r *run) edit(ctx context.Context, plan *rewrite.Plan, rewrites []change.Change, made *bump.Made) error {
	kept, failed := made.Changes, made.Failed
	if r.refuseUnjudged(plan, nil) {
		var err error
		if rewrites, err = plan.Changes(); err != nil {
			return err
		}
	}
	for len(rewrites) > 0 {
		v, err := r.judge(ctx, append(slices.Clone(rewrites), kept...), nil, made.Flags)
		if err != nil {
			return err
		}
		r.skips(v.Skipped)
		refused := r.refuseUnjudged(plan, v.Unjudged)
		switch {
		case len(v.Problems) == 0 && !refused:
			kept = append(kept, rewrites...)
			rewrites = nil
			continue
		case len(v.Problems) > 0:
			failed = v.Problems
		}
		if len(v.Problems) > 0 && !refused && !r.refuseNamed(plan, rewrites, v.Problems) && !r.lowerEach(plan, rewrites, v.Problems) {
			lower(plan, rewrites, v.Problems, r.mod.Located(v.Problems[0]).String(), r.imports)
		}
		if rewrites, err = plan.Changes(); err != nil {
			return err
		}
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i].Path < kept[j].Path })
	r.res.Changes, r.res.Refresh = kept, made.Refresh
	r.renewed(kept)
	if len(kept)+len(made.Refresh) == 0 {
		r.res.Failed = failed
	}
	return nil
}

// renewed takes back that a file of the helper is of an earlier version where a change renews it.
func (r *run) renewed(changes []change.Change) {
	r.res.Skipped = slices.DeleteFunc(r.res.Skipped, func(s finding.Skip) bool {
		return s.Reason == finding.StaleHelper && slices.ContainsFunc(changes, func(c change.Change) bool { return c.Generated && c.Path == s.Path })
	})
}

// imports reports whether a package imports another one of the module, directly or not.
func (r *run) imports(importer, path string) bool {
	importer = strings.TrimSuffix(importer, "_test")
	return slices.ContainsFunc(r.mod.Importers(path), func(p *discover.Package) bool { return p.Path == importer })
}

// lowerEach weakens the rewrites that change the declarations with problems, each for its own
// problem, told by its line in the file as it was. It reports whether there are any.
func (r *run) lowerEach(plan *rewrite.Plan, changes []change.Change, problems []finding.Problem) bool {
	lowered := map[*finding.Finding]bool{}
	for _, p := range problems {
		i := slices.IndexFunc(changes, func(c change.Change) bool { return c.Path == p.File })
		if i < 0 || p.Line == 0 || changes[i].Created {
			continue
		}
		p.Line, p.Col = patch.OldLine(changes[i], p.Line), 0
		blamed := plan.Touching(p.File, p.Line)
		if slices.ContainsFunc(blamed, func(f *finding.Finding) bool { return lowered[f] }) {
			continue // it may be gone already
		}
		weaken(plan, blamed, r.mod.Located(p).String())
		for _, f := range blamed {
			lowered[f] = true
		}
	}
	return len(lowered) > 0
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
	weaken(plan, blamed, detail)
}

// weaken takes the next weaker tier for the strongest of some rewrites.
func weaken(plan *rewrite.Plan, blamed []*finding.Finding, detail string) {
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

// judge compiles the changes, and vets and tests them if asked to. packages are those that
// change although none of their files does; flags are for the go command.
func (r *run) judge(ctx context.Context, changes []change.Change, packages, flags []string) (v verify.Judgement, err error) {
	own, overlay := map[string][]byte{}, maps.Clone(r.awaited)
	if overlay == nil {
		overlay = map[string][]byte{}
	}
	for _, c := range changes {
		own[c.Path], overlay[c.Path] = c.New, c.New
	}
	r.log("verifying %d changed files", len(changes))
	checked, uncovered := map[string]bool{}, map[string]int{}
	v.Unjudged = map[string]string{}
	var unproved []finding.Skip
	for i, c := range r.Configurations {
		res, err := r.verifyIn(ctx, i, overlay, packages, flags)
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
		if err != nil {
			return v, fmt.Errorf("cannot verify the changes%s: %w", r.note(c), err)
		}
		v.Old, v.Still = append(v.Old, res.Old...), append(v.Still, res.Still...)
		for n, p := range res.New {
			res.New[n].Message += r.note(c)
			r.log("%s: %s%s", p.Phase, r.mod.Located(p), r.note(c))
		}
		r.unbuilt(&v, res, c)
		if !res.OK() {
			v.Problems = res.New
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
	for _, d := range r.dependants {
		of, err := r.builtWith(ctx, d, own, flags)
		v.Skipped = append(v.Skipped, of.Skipped...)
		maps.Copy(v.Unjudged, of.Unjudged)
		if err != nil || len(of.Problems) > 0 {
			v.Problems = of.Problems
			return v, err
		}
	}
	r.log("verified %d packages", len(checked))
	for name, n := range uncovered {
		if n == len(r.Configurations) {
			v.Skipped = append(v.Skipped, unverified(name, "no package of this build configuration reads it"))
		}
	}
	v.Skipped = append(v.Skipped, unproved...)
	return v, nil
}

func unverified(path, detail string) finding.Skip {
	return finding.Skip{Path: path, Reason: finding.SkipUnverified, Detail: detail}
}
