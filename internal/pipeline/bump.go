package pipeline

import (
	"bytes"
	"context"
	"errors"
	"etcdmod/internal/rooted"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/module"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/gosum"
	"etcdmod/internal/modules"
	"etcdmod/modbump"
)

// BumpOptions say how to bump.
type BumpOptions struct {
	Only    bool             // look at go.mod alone, not for loops
	All     bool             // bump what is only reported by default
	To      []module.Version // instead of the versions of the policy
	Offline bool             // take nothing from the network
	Tidy    bool             // also do what "go mod tidy" does
	Pin     bool             // also replace a grpc that is too new for a client
	// Refresh completes go.mod and go.sum also without a bump: a module that is
	// replaced by its directory was bumped just now.
	Refresh bool
	// Together are the modules that this run is about, by their root directories without
	// symbolic links: what depends on one of them and is among them needs no mention.
	Together []string
	// Tree gives the modules of the repository, among which dependants are looked for; nil
	// means to find them. It makes no difference to the result, and has no text.
	Tree func() (*modules.Tree, error) `json:"-"`
}

// bumps judges what go.mod requires and what is built of it.
func (r *run) bumps(ctx context.Context) error {
	r.policy = modbump.Options{All: r.Bump.All, To: r.Bump.To}
	if r.Bump.Offline {
		r.goCmd = r.goCmd.With("GOPROXY=off", "GONOPROXY=none")
	}
	if _, err := modbump.Plan(r.mod.GoModFile, r.mod.GoMod, r.policy); err != nil {
		return err
	}
	if err := r.readGoSum(); err != nil {
		return err
	}
	if r.suspicious() {
		build, err := r.buildList(ctx)
		if err != nil {
			return err
		}
		r.policy.Build = build
	}
	return r.replan()
}

// replan judges with what is known by now.
func (r *run) replan() error {
	plan, err := modbump.Plan(r.mod.GoModFile, r.mod.GoMod, r.policy)
	if err != nil {
		return err
	}
	r.plan = plan
	others := slices.DeleteFunc(slices.Clone(r.res.Bumps), func(b Bump) bool { return b.File == "" })
	was := r.res.Bumps
	r.res.Bumps = nil
	for _, f := range plan.Findings {
		b := Bump{Finding: f}
		for _, old := range was {
			if old.File == "" && old.Module == f.Module && old.Line == f.Line {
				b.Calls = old.Calls
			}
		}
		r.res.Bumps = append(r.res.Bumps, b)
	}
	// Behind those of the plan, which are counted by their index.
	r.res.Bumps = append(r.res.Bumps, others...)
	return nil
}

func (r *run) readGoSum() (err error) {
	r.sumFile = filepath.Join(r.mod.Root, "go.sum")
	r.goSum, err = modules.ReadFile(r.sumFile, rooted.SumFile)
	if errors.Is(err, os.ErrNotExist) {
		r.goSum = nil
		return nil
	}
	return err
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// bumped returns the packages that import one of a bumped module.
func (r *run) bumped(indexes []int) []string {
	var out []string
	for _, i := range indexes {
		out = append(out, r.importers(r.res.Bumps[i].Module)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// bumpChanges makes the bumps that the policy wants, each only where the result builds as
// it did before: the edited go.mod, with the go.sum that it needs. Bumps that fit together
// are one change; one that does not fit does not keep the others from being made.
func (r *run) bumpChanges(ctx context.Context) (kept []change.Change, failed []finding.Problem, err error) {
	if err := r.settleTargets(ctx); err != nil {
		return nil, nil, err
	}
	var wanted []int
	for i, b := range r.res.Bumps {
		if b.Action == modbump.Bump {
			wanted = append(wanted, i)
		}
	}
	if len(wanted) == 0 && !r.Bump.Refresh {
		return nil, nil, nil
	}
	try := func(indexes []int) (*attempt, *Refusal, error) {
		a, why, err := r.try(ctx, indexes)
		if err == nil && why != nil && a.failed != nil {
			failed = a.failed
		}
		return a, why, err
	}
	a, why, err := try(wanted)
	if err != nil {
		return nil, nil, err
	}
	if why != nil && len(wanted) > 1 {
		var fit []int
		last := (*attempt)(nil)
		for _, i := range wanted {
			one, because, err := try(append(slices.Clone(fit), i))
			if err != nil {
				return nil, nil, err
			}
			if because != nil {
				r.res.Bumps[i].Refused = because
				continue
			}
			fit, last = append(fit, i), one
		}
		a, why = last, nil
		if last == nil {
			return nil, failed, nil
		}
	}
	if why != nil && len(wanted) == 0 {
		r.skip(r.mod.GoModFile, finding.SkipNotRefreshed, why.Detail)
		return nil, nil, nil
	}
	if why != nil {
		for _, i := range wanted {
			r.res.Bumps[i].Refused = why
			r.res.Bumps[i].Plan = a.notes
		}
		return nil, failed, nil
	}
	if len(a.changes) > 0 {
		a.dependants(ctx)
	}
	for _, i := range a.bumps {
		r.res.Bumps[i].Plan = a.notesFor(i)
	}
	r.flags = append(r.flags, a.flags...)
	return a.changes, nil, nil
}

// settleTargets makes sure that the versions to bump to exist, and takes the next one
// where one does not.
func (r *run) settleTargets(ctx context.Context) error {
	known := map[module.Version]bool{}
	for again := true; again; {
		again = false
		for _, b := range r.res.Bumps {
			to := module.Version{Path: b.Module, Version: b.Target}
			if b.Action != modbump.Bump || known[to] {
				continue
			}
			known[to] = true
			r.log("looking for %s", to)
			err := gosum.Available(ctx, r.goCmd, to)
			var gone *gosum.UnavailableError
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, gocmd.ErrNoGo):
				return err
			case errors.As(err, &gone) && gone.Path == to.Path:
				if r.policy.Missing == nil {
					r.policy.Missing = map[module.Version]string{}
				}
				r.policy.Missing[to] = gone.Detail
				again = true
			}
			// Whatever else is wrong shows where the go.sum is completed.
		}
		if again {
			if err := r.replan(); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusal gives what the go command said about a bump as a refusal. It returns the errors
// that say nothing about it.
func (r *run) refusal(ctx context.Context, err error) (*Refusal, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, gocmd.ErrNoGo) {
		return nil, err
	}
	why := &Refusal{Code: gosum.Reason(err), Detail: r.local(err.Error())}
	if why.Code == "" {
		why.Code = finding.GoSum
	}
	var incomplete *gosum.IncompleteError
	if errors.As(err, &incomplete) {
		why.Wanted = incomplete.Wanted
	}
	return why, nil
}

// changed adds a change to a list if it is one.
func changed(list []change.Change, name string, old, new []byte) []change.Change {
	if bytes.Equal(old, new) {
		return list
	}
	return append(list, change.Change{Path: name, Old: old, New: new, Created: old == nil})
}
