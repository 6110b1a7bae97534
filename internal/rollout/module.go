package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"etcdmod/internal/change"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout/state"
	"etcdmod/modbump"
)

// module takes the module with an index through the pipeline. An error ends the whole run.
func (r *run) module(ctx context.Context, i int) error {
	m := &r.index.Modules[i]
	sum, again := "", Again("")
	await := r.await(i)
	if r.state != nil {
		sum = r.sums.Module(r.place(i))
		if await.sum != "" {
			sum += " " + await.sum
		}
		kept, units, laid, why, err := r.take(m, sum)
		if err != nil {
			return err
		}
		if kept != nil {
			*m = *kept
			r.ends[i] = endingOf(laid, await.follows)
			r.ends[i].after = r.covers(i, m.After)
			return r.done(m, units, true, "")
		}
		again = why
	}
	began := time.Now()
	next := *m
	var made []unitFiles
	r.ends[i] = endingOf(nil, await.follows)
	err := r.isolate(ctx, func(ctx context.Context) (func() error, error) {
		units, laid, err := r.examine(ctx, i, await, &next)
		return func() error { // only what came in time counts
			*m, made = next, units
			r.ends[i] = endingOf(laid, await.follows)
			r.ends[i].after = r.covers(i, m.After)
			return nil
		}, err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		m.State, m.Incomplete, m.Failure = report.Failed, true, failure(err, r.repo)
		m.Reason = fmt.Sprintf("%s: %s", m.Failure.Kind, firstLine(m.Failure.Message))
	}
	m.Seconds = time.Since(began).Seconds()
	if r.state != nil {
		if err := r.put(m, made, r.ends[i].laid, sum); err != nil {
			return err
		}
	}
	return r.done(m, made, false, again)
}

// done writes the files of a module and tells that it has ended.
func (r *run) done(m *Module, units []unitFiles, kept bool, again Again) error {
	if err := r.out.units(m, units); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended++
	if r.Progress != nil {
		r.Progress(Event{m, r.ended, len(r.index.Modules), kept, again})
	}
	return nil
}

// examine runs the pipeline in a module, with what it awaits, and gives its units and what those
// that are built with it have to see.
func (r *run) examine(ctx context.Context, i int, await awaited, m *Module) (units []unitFiles, lays []state.File, err error) {
	opts := r.Pipeline
	opts.Dir, opts.Patterns, opts.Log = r.tree.Abs(r.tree.Modules[i].Dir), nil, nil
	opts.Repo = r.repo
	opts.Bump.Apart = true
	opts.Tree, _ = r.place(i)
	opts.Bump.Refresh = await.follows
	if opts.Awaited, err = r.layer(await); err != nil {
		return nil, nil, err
	}
	if opts.Awaited != nil {
		defer opts.Awaited.Remove()
	}
	res, err := r.run(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	lays = laid(res)
	// Findings and skips of the index are relative to the repository like all else.
	forms := report.FormsOf(res)
	m.Lost, m.Skipped, m.Problems, m.Columns, m.Incomplete = forms.Lost, forms.Skipped, forms.Problems, forms.Columns, res.Incomplete
	parts := split(res.Changes, func(file string) string { return r.key(r.rel(file), m.Dir) })
	if parts, err = r.separable(ctx, res, parts); err != nil {
		return nil, nil, err
	}
	if len(res.Refresh) > 0 {
		parts = append([]part{{prelude: true, refresh: true, changes: res.Refresh}}, parts...)
	}
	unitOf := map[string]string{} // by the ID of the finding
	for _, p := range parts {
		u, err := r.unit(m.Dir, res, p)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range p.findings {
			unitOf[f.ID] = u.ID
		}
		m.Units = append(m.Units, *u)
	}
	var after []string
	if res.Awaits && len(m.Units) > 0 {
		m.After, after = r.behind(await)
	}
	link(m.Units, after)
	if len(lays) > 0 {
		parts[leader(m.Units)].leads = r.followers(i)
	}
	r.found(m, forms, unitOf)
	m.State, m.Reason = forms.State, forms.Reason
	m.Incomplete = m.Incomplete || m.State == report.Rejected
	for j, p := range parts {
		files, err := r.render(res, p, &m.Units[j], m.Units)
		if err != nil {
			return nil, nil, err
		}
		units = append(units, files)
	}
	// What is not read back would keep all other modules from being merged and shipped.
	if err := m.check(); err != nil {
		return nil, nil, fmt.Errorf("what was found cannot be handed on: %w", err)
	}
	return units, lays, nil
}

// found puts what was found into the index, with the unit that solves it: unitOf gives that by the ID of
// a finding.
func (r *run) found(m *Module, forms *report.Forms, unitOf map[string]string) {
	at := func(f report.Finding, unit string) Finding { return Finding{f, ownerNames(r.Owners, f.Path), unit} }
	for _, f := range forms.Bumps {
		unit := ""
		if f.Tier == string(modbump.Bump) && len(m.Units) > 0 {
			unit = m.Units[leader(m.Units)].ID // which has the bumps
		}
		m.Findings = append(m.Findings, at(f, unit))
	}
	for _, f := range forms.Findings {
		m.Findings = append(m.Findings, at(f, unitOf[f.ID]))
	}
	for _, f := range forms.Ignored {
		m.Ignored = append(m.Ignored, at(f, ""))
	}
}

// separable makes sure that each part compiles with the prelude alone, and joins them all
// where one does not: as a whole they have been verified.
func (r *run) separable(ctx context.Context, res *pipeline.Result, parts []part) ([]part, error) {
	if len(parts) < 2 {
		return parts, nil
	}
	var prelude []change.Change
	for _, p := range parts {
		changes := slices.Concat(prelude, p.changes)
		if p.prelude {
			prelude, changes = p.changes, p.changes
		}
		problems, err := r.part(res, ctx, changes)
		if err != nil {
			return nil, err
		}
		if len(problems) > 0 {
			return whole(parts), nil
		}
	}
	return parts, nil
}

// unit describes a part, without what the other units of the module have to say about it.
func (r *run) unit(dir string, res *pipeline.Result, p part) (*Unit, error) {
	u := &Unit{ID: unitID(dir, p), Prelude: p.prelude, Refresh: p.refresh}
	if r.By != ByModule && !p.prelude {
		u.Keys = p.keys
	}
	stats, err := patch.Stats(r.patchChanges(p.changes))
	if err != nil {
		return nil, err
	}
	changes := map[string]change.Change{}
	for _, c := range p.changes {
		changes[r.rel(c.Path)] = c
	}
	own := map[string]bool{}
	for _, st := range stats {
		f := File{Path: st.Path, Added: st.Added, Removed: st.Removed}
		if f.Findings, f.Shared = report.Served(res, changes[st.Path]); f.Shared {
			f.Findings = nil
		}
		u.Files = append(u.Files, f)
		for _, name := range ownerNames(r.Owners, st.Path) {
			own[name] = true
		}
	}
	u.Owners = slices.Sorted(maps.Keys(own))
	for _, f := range p.findings {
		if u.Tiers == nil {
			u.Tiers = map[string]int{}
		}
		u.Tiers[f.Tier.String()]++
	}
	u.Title = title(dir, u, bumped(res), p.findings, r.refused(res, p, u))
	return u, nil
}

// link names for each unit those whose patches have to be applied before: the preludes, or for what
// comes before all others of the module, the units of other modules in after.
func link(units []Unit, after []string) {
	var own []string
	for i := range units {
		if units[i].After = slices.Clone(own); own == nil {
			units[i].After = slices.Clone(after)
		}
		if units[i].Prelude {
			own = append(own, units[i].ID)
		}
	}
}

// leads reports whether a unit is the first of its module, apart from what is only refreshed: it
// has the bumps, and says what is about the module as a whole.
func leads(u *Unit, units []Unit) bool { return u.ID == units[leader(units)].ID }

// leader returns the index of the unit that leads.
func leader(units []Unit) int {
	return max(slices.IndexFunc(units, func(u Unit) bool { return !u.Refresh }), 0)
}

// behindPrelude reports whether a unit of a module comes after another one of it.
func behindPrelude(u *Unit, units []Unit) bool {
	return slices.ContainsFunc(units, func(o Unit) bool { return slices.Contains(u.After, o.ID) })
}

func (r *run) patchChanges(changes []change.Change) (out []change.Change) {
	for _, c := range changes {
		out = append(out, c.At(r.rel(c.Path)))
	}
	return out
}

// render makes the files of a unit.
func (r *run) render(res *pipeline.Result, p part, u *Unit, units []Unit) (unitFiles, error) {
	diff, err := patch.Unified(r.patchChanges(p.changes))
	if err != nil {
		return unitFiles{}, err
	}
	u.Patch = patchFile(u.ID)
	u.Description = textFile(u.ID)
	text, err := r.describe(res, p, u, units)
	return unitFiles{u.Patch, diff, u.Description, text}, err
}
