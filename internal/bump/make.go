package bump

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/bump/gosum"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/modbump"
)

// A maker makes the bumps of one module.
type maker struct {
	Module
	opts   Options
	policy modbump.Options
	plan   *modbump.Result
	oldSum []byte // go.sum as it is; nil for none
}

// Make makes the bumps that the policy wants, each only where the result builds as it did
// before: the edited go.mod, with the go.sum that it needs. Bumps that fit together are one
// change; one that does not fit does not keep the others from being made.
func Make(ctx context.Context, m Module, opts Options, v *Verdict) (*Made, error) {
	v, err := v.settled(ctx, m)
	if err != nil {
		return nil, err
	}
	k := &maker{Module: m, opts: opts, policy: v.policy, plan: v.plan, oldSum: v.goSum}
	made := &Made{Bumps: v.Bumps}
	wanted := slices.DeleteFunc(slices.Clone(v.Bumps), func(b Bump) bool { return b.Action != modbump.Bump })
	if len(wanted) == 0 && !opts.Refresh {
		return made, nil
	}
	a, why, err := k.try(ctx, wanted)
	switch {
	case err != nil:
		return nil, err
	case why == nil:
		k.take(ctx, made, a)
	case len(wanted) == 0:
		k.unfollowed(made, why)
	case !slices.ContainsFunc(wanted, func(b Bump) bool { return b.Module != wanted[0].Module }):
		made.Failed = a.failed
		made.Bumps = each(v.Bumps, func(b Bump) Bump {
			b.Refused, b.Plan = why, a.notes
			return b
		})
		return made, k.follow(ctx, made)
	default:
		return k.makeSome(ctx, v.Bumps, a.failed)
	}
	return made, nil
}

// makeSome bumps one module after the other, and leaves out those that do not fit to the ones
// before. Failed is what verification said of all of them.
func (k *maker) makeSome(ctx context.Context, bumps []Bump, failed []finding.Problem) (*Made, error) {
	var fit []Bump
	var last *attempt
	made := &Made{}
	refused := map[string]*Refusal{} // by module path; nil for what fits
	for _, b := range bumps {
		if b.Action != modbump.Bump {
			made.Bumps = append(made.Bumps, b)
			continue
		}
		if _, tried := refused[b.Module]; !tried {
			all := slices.Clone(fit)
			for _, same := range bumps { // the go.mod may require it more than once
				if same.Action == modbump.Bump && same.Module == b.Module {
					all = append(all, same)
				}
			}
			a, why, err := k.try(ctx, all)
			switch {
			case err != nil:
				return nil, err
			case why == nil:
				fit, last = all, a
			case a.failed != nil:
				failed = a.failed
			}
			refused[b.Module] = why
		}
		b.Refused = refused[b.Module]
		made.Bumps = append(made.Bumps, b)
	}
	if last == nil {
		made.Failed = failed
		return made, k.follow(ctx, made)
	}
	k.take(ctx, made, last)
	return made, nil
}

// follow completes go.mod and go.sum of a module that keeps what it requires, where another one
// was bumped that it is built with.
func (k *maker) follow(ctx context.Context, made *Made) error {
	if !k.opts.Refresh {
		return nil
	}
	a, why, err := k.try(ctx, nil)
	switch {
	case err != nil:
		return err
	case why != nil:
		k.unfollowed(made, why)
	default:
		made.Refresh, made.Changes, made.Skipped, made.Flags = a.refresh, a.changes, a.skipped, a.flags
	}
	return nil
}

// unfollowed notes that go.mod and go.sum could not be completed.
func (k *maker) unfollowed(made *Made, why *Refusal) {
	made.Skipped = append(made.Skipped, finding.Skip{Path: k.GoModFile, Reason: finding.SkipNotRefreshed, Detail: why.Detail})
}

// take hands on what an attempt made.
func (k *maker) take(ctx context.Context, made *Made, a *attempt) {
	made.Refresh, made.Changes, made.Skipped, made.Flags = a.refresh, a.changes, a.skipped, a.flags
	if len(a.changes) > 0 {
		a.dependants(ctx)
	}
	notes := a.notes // what is about all of them goes with the first
	made.Bumps = each(made.Bumps, func(b Bump) Bump {
		if b.Refused == nil {
			b.Plan, notes = slices.Concat(a.about(b), notes, []string{modbump.News(b.from(), b.Target)}), nil
		}
		return b
	})
}

// each returns bumps with those that the policy wants changed.
func each(bumps []Bump, change func(Bump) Bump) []Bump {
	var out []Bump
	for _, b := range bumps {
		if b.Action == modbump.Bump {
			b = change(b)
		}
		out = append(out, b)
	}
	return out
}

// settled makes sure that the versions to bump to exist, and takes the next one where one
// does not.
func (v *Verdict) settled(ctx context.Context, m Module) (*Verdict, error) {
	settled := *v
	known := map[module.Version]bool{}
	for again := true; again; {
		again = false
		for _, b := range settled.Bumps {
			if b.Action != modbump.Bump || known[b.to()] {
				continue
			}
			known[b.to()] = true
			m.Log("looking for %s", b.to())
			err := gosum.Available(ctx, m.Go, b.to())
			var gone *gosum.UnavailableError
			switch {
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case errors.Is(err, gocmd.ErrNoGo):
				return nil, err
			case errors.As(err, &gone) && gone.Path == b.Module:
				if settled.policy.Missing == nil {
					settled.policy.Missing = map[module.Version]string{}
				}
				settled.policy.Missing[b.to()] = gone.Detail
				again = true
			}
			// Whatever else is wrong shows where the go.sum is completed.
		}
		if again {
			if err := settled.judge(m); err != nil {
				return nil, err
			}
		}
	}
	return &settled, nil
}

// try makes some bumps together, in the first of the ways in which the module builds. Where
// there is none it gives the attempt and the refusal of the first, with what came of the others.
func (k *maker) try(ctx context.Context, bumps []Bump) (first *attempt, refused *Refusal, err error) {
	ways := []modbump.Way{{}}
	for _, b := range bumps {
		ways = modbump.Ways(k.GoMod, b.to(), k.policy.Build, k.opts.Pin)
		if len(ways) > 1 || ways[0].String() != "" {
			break // no two clients need another grpc: they have one in common
		}
	}
	for _, way := range ways {
		if way.String() != "" {
			k.Log("trying with %s", way)
		}
		a := &attempt{maker: k, bumps: bumps, way: way}
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
