package rollout

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
	"etcdmod/internal/owners"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/rollout/state"
)

// ErrUsage is wrapped by errors about options that make no sense.
var ErrUsage = state.ErrUsage

// An Again says why a module that a recorded run has finished is done once more.
type Again = state.Again

// Options say what to roll out, and how.
type Options struct {
	Root    string // a directory
	Ignored bool   // also look at modules that .gitignore leaves out
	By      By
	// Services are the patterns of ByService: of directories, relative to the root of the
	// repository.
	Services []string
	// Owners says whose files are whose; nil means the CODEOWNERS file of the repository.
	Owners *owners.File
	// Pipeline is how to look at every module. Its Dir, Patterns, Edit, Log, Repo, Layer, Awaited,
	// Tree and Neighbours, and the Tree of its Bump, are not read.
	Pipeline pipeline.Options
	Jobs     int           // modules at a time; less than 1 means one per processor
	Timeout  time.Duration // for each module; 0 means none
	Shard    Shard         // the part of the modules that this machine looks at
	// Out is the directory for patches, descriptions and the index; "" writes none.
	Out string
	// State is the directory in which the run is recorded while it goes on; "" keeps none.
	// One that has a recorded run is refused, unless Resume says to go on with that, or
	// Failed to do the modules that failed again as well.
	State          string
	Resume, Failed bool
	// Progress is told about every module, one at a time; it may be nil.
	Progress func(Event)
}

// An Event says that a module is done.
type Event struct {
	Module *Module
	Done   int // modules, with this one
	Total  int
	Kept   bool  // the result is the recorded one
	Again  Again // why a recorded result is not kept
}

// A run is one rollout.
type run struct {
	Options
	tree  *modules.Tree // what is looked at
	whole *modules.Tree // what may be built with that: all modules of the repository
	repo  string        // what paths are relative to
	// unowned says why the CODEOWNERS file cannot be read, if so. What modules have to say does
	// not depend on it.
	unowned error
	out     *output
	state   *state.State
	sums    *state.Sums
	steps

	// What belongs to a module in these two is settled before whoever waits for it goes on.
	waits [][]int  // by index of the module: those that it waits for, see [run.waiting]
	ends  []ending // by index of the module

	mu    sync.Mutex
	ended int
	index Index
}

// steps are what is done in a module; tests put others in their place.
type steps struct {
	run   func(context.Context, pipeline.Options) (*pipeline.Result, error)
	part  func(*pipeline.Result, context.Context, []change.Change) ([]finding.Problem, error)
	grace time.Duration // see isolate
}

// rel makes an absolute path relative to the root of the repository.
func (r *run) rel(name string) string {
	rel, err := filepath.Rel(r.repo, name)
	if err != nil {
		return filepath.ToSlash(name)
	}
	return filepath.ToSlash(rel)
}
