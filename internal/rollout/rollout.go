// Package rollout runs the pipeline over the modules of a monorepo and divides what it
// changes into units that one reviewer each can take.
//
// It takes a directory and gives an index: for every module what was found, what was not
// covered, and its units; for every unit a patch and a description in the output directory.
// It never writes into the tree that it looks at, and never decides about a finding.
//
// # Isolation
//
// A module is one task. One that fails, panics or takes too long becomes a failure in the
// index, and the others go on. What a task holds in memory, syntax trees above all, is
// dropped with its end: the index keeps texts and numbers.
//
// # Order
//
// Modules run in parallel, but each after those that it is built with. A change that a
// module built with the changed one does not compile with is not made. Where a go.mod changes,
// what is built with that module is judged and verified with the go.mod and go.sum that it will
// have, and the go.mod and go.sum of modules that replace it by its directory follow. The index
// says which changes come after which for that reason.
//
// # Units
//
// See [By] for what becomes a unit. Units of one module touch different files, and each
// compiles with the prelude alone, so that they may be merged in any order, and some of
// them never. What does not compile that way becomes one unit with the others of its
// module.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"etcdmod/internal/modules"
	"etcdmod/internal/owners"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/internal/version"
)

// Run does the work. An error means that there is no index: the options make no sense, the
// output directory cannot be written, or ctx ended. What becomes of single modules is in the
// index.
func Run(ctx context.Context, opts Options) (*Index, error) {
	return start(ctx, opts, steps{pipeline.Run, (*pipeline.Result).Part, 4 * time.Second})
}

func start(ctx context.Context, opts Options, s steps) (*Index, error) {
	if err := opts.check(); err != nil {
		return nil, errors.Join(ErrUsage, err)
	}
	if opts.Jobs < 1 {
		opts.Jobs = runtime.GOMAXPROCS(0)
	}
	opts.Pipeline.Edit = true
	began := time.Now()
	r := &run{Options: opts, steps: s}
	var err error
	if r.tree, err = modules.Find(ctx, opts.Root, modules.Options{Env: opts.Pipeline.Env, Ignored: opts.Ignored}); err != nil {
		return nil, err
	}
	if r.repo = modules.Repository(r.tree.Root); r.repo == "" {
		r.repo = r.tree.Root
	}
	if r.whole, err = r.repository(ctx); err != nil {
		return nil, err
	}
	r.Pipeline.Neighbours = new(pipeline.Neighbours)
	r.Pipeline.Bump.Tree = func() (*modules.Tree, error) { return r.whole, nil }
	for _, m := range r.tree.Modules {
		r.Pipeline.Bump.Together = append(r.Pipeline.Bump.Together, r.tree.Abs(m.Dir))
	}
	if r.Owners == nil {
		r.Owners, r.unowned = owners.Find(r.repo)
	}
	source, err := r.source(ctx)
	if err != nil {
		return nil, err
	}
	if opts.Shard.Count > 0 {
		r.tree = r.tree.Shard(opts.Shard.Index, opts.Shard.Count)
	}
	r.index = Index{Format: Format, Tool: version.Version, By: r.By, Shard: r.Shard, Source: source, Modules: make([]Module, len(r.tree.Modules))}
	r.notes()
	if r.state, err = r.openState(); err != nil {
		return nil, err
	}
	defer r.state.Close()
	if r.out, err = openOutput(opts.Out, &r.index); err != nil {
		return nil, err
	}
	defer r.out.close()
	if r.state != nil {
		r.sums = r.newSums()
	}
	if err := r.modules(ctx); err != nil {
		return nil, err
	}
	return &r.index, r.out.complete(&r.index, time.Since(began))
}

// repository returns the modules of the repository, also those that this run does not look at:
// they may be built with what changes. It is for the whole run, and before a shard is cut out.
func (r *run) repository(ctx context.Context) (*modules.Tree, error) {
	if r.tree.Root == r.repo {
		return r.tree, nil
	}
	opts := modules.Options{Env: r.Pipeline.Env, Ignored: r.Ignored}
	for _, m := range r.tree.Modules { // the root may be where nobody would look
		opts.Also = append(opts.Also, r.tree.Abs(m.Dir))
	}
	return modules.Find(ctx, r.repo, opts)
}

// place returns where the module with an index is among those of the repository.
func (r *run) place(i int) (*modules.Tree, int) {
	if j, ok := r.whole.Index(r.tree.Abs(r.tree.Modules[i].Dir)); ok {
		return r.whole, j
	}
	return r.tree, i // no index can name it, see [modules.Find]
}

// notes names what no module is looked for in, and what is wrong with the owners.
func (r *run) notes() {
	for _, n := range r.tree.Notes {
		r.index.Notes = append(r.index.Notes, Note{r.rel(r.tree.Abs(n.Path)), n.Detail, n.Fault})
	}
	for i, m := range r.tree.Modules {
		dir := r.rel(r.tree.Abs(m.Dir))
		r.index.Modules[i] = Module{Dir: dir, Path: m.Path, Owners: ownerNames(r.Owners, path.Join(dir, "go.mod")), State: report.Failed}
	}
	if r.Owners == nil {
		switch {
		case r.unowned != nil:
			r.index.Notes = append(r.index.Notes, Note{".", fmt.Sprintf("nobody owns anything: %v", r.unowned), true})
		case r.By == ByOwner:
			r.index.Notes = append(r.index.Notes, Note{Path: ".", Detail: "there is no CODEOWNERS file, so that nobody owns anything"})
		}
		return
	}
	r.index.Owners = r.Owners.Name
	for _, p := range r.Owners.Problems {
		r.index.Notes = append(r.index.Notes, Note{Path: position(r.Owners.Name, p.Line), Detail: p.Message})
	}
}

// modules runs every module, each after those that it is built with: these have started
// before it, so that a worker that waits for one never waits for itself.
func (r *run) modules(ctx context.Context) error {
	ended := make([]chan struct{}, len(r.tree.Modules))
	for i := range ended {
		ended[i] = make(chan struct{})
	}
	r.waits, r.ends = r.waiting(), make([]ending, len(ended))
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(r.Jobs)
	for _, i := range r.tree.Order() {
		g.Go(func() error {
			defer close(ended[i])
			for _, dep := range r.waits[i] {
				select {
				case <-ended[dep]:
				case <-within.Done():
					return within.Err()
				}
			}
			return r.module(within, i)
		})
		if within.Err() != nil {
			break
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
