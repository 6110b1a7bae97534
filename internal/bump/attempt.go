package bump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/mod/module"

	"etcdmod/internal/bump/gosum"
	"etcdmod/internal/bump/vendoring"
	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/verify"
	"etcdmod/modbump"
)

// rounds bounds how often a go.mod is amended: each round adds what the last one showed
// to be missing, and the modules that may be missing are few.
const rounds = 8

const whyNeeded = "a package of it is needed, and nothing else provides it"

var errUnsettled = errors.New("no set of requirements was found that the go command is content with; bump with \"go get\"")

// An attempt makes some bumps together and finds out what follows from them.
type attempt struct {
	*maker
	bumps []Bump
	way   modbump.Way // what else changes for them

	gomod, gosum []byte
	notes        []string // the plan, apart from what is about one bump
	movedGRPC    string   // the version of grpc that is built with the bumps, if it is another one
	amended      bool
	asIs         error    // what the go command says of the go.mod without the bumps
	flags        []string // for every verification with the changes
	changes      []change.Change
	refresh      []change.Change // what goes before them
	skipped      []finding.Skip  // what verification did not cover
	failed       []finding.Problem
}

func (a *attempt) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// make computes and verifies the changes. A refusal says why they are not made.
func (a *attempt) make(ctx context.Context) (*Refusal, error) {
	a.gomod = a.edit()
	if err := a.follow(a.way); err != nil {
		return nil, err
	}
	if err := a.complete(ctx); err != nil {
		if why := a.rejected(ctx, err); why != nil {
			return why, nil
		}
		without := sync.OnceValue(func() error { return a.completed(ctx) })
		why, err := a.refusal(ctx, err, without)
		switch {
		case why != nil && why.Code == gosum.ReasonIncomplete:
			a.advise(why) // a package that grpc has no more is not there either
		case why != nil && why.Code == finding.DoesNotLoad && len(a.bumps) > 0:
			if before := without(); before != nil && gosum.Reason(before) == "" {
				return a.unbuilt("the packages do not load without the bump either: " + goSaid(before)), ctx.Err()
			}
		}
		return why, err
	}
	if a.opts.Tidy {
		if err := a.tidy(ctx); err != nil {
			why, err := a.refusal(ctx, err, func() error {
				_, _, before := gosum.Tidy(ctx, a.Go, a.GoMod, a.oldSum)
				return before
			})
			if why != nil && why.Code == finding.DoesNotLoad {
				why.Code = finding.TidyFailed
			}
			return why, err
		}
	}
	if why, err := a.selects(ctx); why != nil || err != nil {
		return why, err
	}
	a.moves(ctx)
	if a.Workspace != "" {
		a.note("go.work.sum: the go command adds what it lacks by itself")
	}
	a.changes = changed(a.changes, a.GoModFile, a.GoMod, a.gomod)
	if a.oldSum == nil && len(a.gosum) == 0 {
		a.gosum = nil
	}
	a.changes = changed(a.changes, a.sumFile(), a.oldSum, a.gosum)
	return a.build(ctx)
}

// build vendors the new versions, where the module is vendored, and compiles with them.
func (a *attempt) build(ctx context.Context) (*Refusal, error) {
	files := a.changes
	for _, d := range a.vendored() {
		a.Log("vendoring again, as with \"%s\"", d.Command())
		vendored, err := d.Changes(ctx, vendoring.State{GoMod: a.GoMod, GoSum: a.oldSum}, vendoring.State{GoMod: a.gomod, GoSum: a.gosum})
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return &Refusal{Code: finding.Vendored, Detail: a.Local(err.Error())}, nil
		}
		a.vendor(d, vendored)
		// What is vendored comes from the module cache, where it can be compiled
		// without the old copies in the way.
		a.flags = []string{"-mod=readonly"}
	}
	if len(files) == 0 {
		return nil, nil
	}
	v, err := a.Verify(ctx, files, a.bumped(), a.flags)
	var said *gocmd.Error
	switch {
	case ctx.Err() == nil && !errors.Is(err, gocmd.ErrNoGo) && errors.As(err, &said):
		return a.unbuilt("the module does not load as it is, so that the bump cannot be compared with it; let the go command put that right first: " + said.Stderr), nil
	case err != nil:
		return nil, err
	}
	if len(v.Problems) == 0 {
		if v.Problems, err = a.tools(ctx); err != nil {
			return a.refusal(ctx, err, func() error { return a.completed(ctx) })
		}
	}
	if v, err = a.unhidden(ctx, v); err != nil {
		return nil, err
	}
	why := a.broken(v)
	if why == nil {
		a.skipped = append(a.skipped, v.Skipped...)
	}
	return why, nil
}

// unhidden takes from new problems those that are there with the go.mod as it is too, and that the go
// command did not come to, since go.sum lacked a line.
func (a *attempt) unhidden(ctx context.Context, v verify.Judgement) (verify.Judgement, error) {
	if len(v.Problems) == 0 {
		return v, nil
	}
	sum, _, err := gosum.Complete(ctx, a.Go, a.GoMod, a.oldSum)
	if err != nil || bytes.Equal(sum, a.oldSum) {
		return v, ctx.Err()
	}
	alone, err := a.Verify(ctx, changed(nil, a.sumFile(), a.oldSum, sum), a.bumped(), a.flags)
	if err != nil {
		return v, ctx.Err()
	}
	before := slices.Concat(alone.Problems, alone.Still)
	hidden := func(p finding.Problem) bool {
		return slices.ContainsFunc(before, func(b finding.Problem) bool { return b.Package == p.Package && b.Message == p.Message })
	}
	for _, p := range v.Problems {
		if !hidden(p) {
			continue
		}
		v.Old, v.Still = append(v.Old, p), append(v.Still, p)
		if !slices.ContainsFunc(v.Skipped, func(s finding.Skip) bool { return s.Path == p.Package }) {
			v.Skipped = append(v.Skipped, finding.Skip{Path: p.Package, Reason: finding.SkipUnverified, Detail: "it does not build without the bump either"})
		}
	}
	v.Problems = slices.DeleteFunc(slices.Clone(v.Problems), hidden)
	return v, nil
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
	untidy := !a.opts.Refresh && a.untidy(ctx)
	var added []module.Version
	for range rounds {
		if !untidy {
			need, goVersion, err := gosum.Settled(ctx, a.Go, a.gomod, a.oldSum)
			if err != nil {
				return err
			}
			if err := a.amend(need, goVersion, "another requirement asks for it"); err != nil {
				return err
			}
		}
		a.Log("completing go.sum for the edited go.mod")
		sum, report, err := gosum.Complete(ctx, a.Go, a.gomod, a.oldSum)
		if err == nil && a.ungoverned() {
			// What was missing before is added as well, where it is known what to add: with
			// the client that is there nothing builds.
			if need := a.provided(ctx, report.Missing, nil); len(need) > 0 && !slices.Equal(need, added) {
				added = need
				if err := a.amend(need, "", whyNeeded); err != nil {
					return err
				}
				continue
			}
		}
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
		if err := a.amend(need, goVersion, whyNeeded); err != nil {
			return err
		}
	}
	return errUnsettled
}

// untidy reports whether the go command wants to change the go.mod also without a bump.
// Nothing can be said of such a file but what the go command says.
func (a *attempt) untidy(ctx context.Context) bool {
	need, goVersion, err := gosum.Settled(ctx, a.Go, a.GoMod, a.oldSum)
	if a.asIs = err; err == nil && len(need) > 0 {
		a.asIs = &gosum.UntidyError{Wanted: need, Go: goVersion, Err: errors.New("updates to go.mod needed")}
	}
	return a.asIs != nil
}

// tidy does what "go mod tidy" does.
func (a *attempt) tidy(ctx context.Context) error {
	a.Log("tidying")
	gomod, sum, err := gosum.Tidy(ctx, a.Go, a.gomod, a.gosum)
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
	for _, b := range a.bumps {
		got, err := gosum.Selected(ctx, a.Go, a.gomod, a.gosum, b.Module)
		if err == nil && got != b.Target && a.Workspace != "" {
			// Another module of the workspace asks for more; this one is also built alone.
			got, err = gosum.Selected(ctx, a.Go.With("GOWORK=off"), a.gomod, a.gosum, b.Module)
		}
		var replaced *gosum.ReplacedError
		if b.Replacement && errors.As(err, &replaced) && replaced.By == b.Module+" "+b.Target {
			continue
		}
		if err != nil {
			return a.unselected(ctx, b.Module, err)
		}
		if got != b.Target {
			detail := fmt.Sprintf("the go command selects %s %s", b.Module, got)
			mods := slices.Concat([]module.Version{b.to()}, a.way.Require)
			if holder, ok := gosum.Holder(ctx, a.Go, mods, module.Version{Path: b.Module, Version: got}); ok {
				detail += fmt.Sprintf(", which %s requires", holder)
			}
			return &Refusal{Code: finding.HeldVersion, Detail: detail}, nil
		}
	}
	return nil, nil
}

// unselected refuses what the go command does not tell the selected version of. In a workspace the
// go.work may be what it does not take, which is so without the bumps as well.
func (a *attempt) unselected(ctx context.Context, path string, err error) (*Refusal, error) {
	without := sync.OnceValue(func() error {
		_, err := gosum.Selected(ctx, a.Go, a.GoMod, a.oldSum, path)
		return err
	})
	why, err := a.refusal(ctx, err, without)
	if why != nil && why.Code == finding.DoesNotLoad {
		if before := without(); before != nil && gosum.Reason(before) == "" && ctx.Err() == nil {
			why.Code, why.Detail = finding.GoModRejected, a.Local(goSaid(before))
		}
	}
	return why, err
}

// about returns the part of the plan that is about one of the bumps.
func (a *attempt) about(b Bump) []string {
	if line, _, _ := modbump.GRPC(b.to(), a.grpc()); line != "" {
		return []string{line}
	}
	return nil
}

// edit returns the go.mod with the bumps alone.
func (a *attempt) edit() []byte {
	var findings []modbump.Finding
	for _, b := range a.bumps {
		findings = append(findings, b.Finding)
	}
	return a.plan.Edit(findings)
}

// bumped returns the packages that import one of a bumped module.
func (a *attempt) bumped() []string {
	var out []string
	for _, b := range a.bumps {
		out = append(out, a.importers(b.Module)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// changed adds a change to a list if it is one.
func changed(list []change.Change, name string, old, new []byte) []change.Change {
	if bytes.Equal(old, new) {
		return list
	}
	return append(list, change.Change{Path: name, Old: old, New: new, Created: old == nil})
}
