// Package bump takes a module off the etcd clients that the policy has something against.
//
// It takes a module on disk and the versions of its build list. [Judge] gives what the policy
// says of each requirement, and [Make] makes the bumps that it wants: the edits of the go.mod,
// what else has to change for the module to build with them, its go.sum and its vendor
// directory. A bump is a value that each step hands on. A change is given out only where the
// module builds with it as it did before; it never writes a file of the module.
//
// Package gosum asks the go command about an edited go.mod, package vendoring makes a vendor
// directory again, and package leaks finds the calls that make a leak real.
package bump

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/bump/leaks"
	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/verify"
	"etcdmod/modbump"
)

// Options say how to bump.
type Options struct {
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
	// Apart says that each module is changed on its own, in a patch that knows nothing of those
	// of others: what a workspace has for all of its modules can change with one of them alone.
	Apart bool
}

// A Module is what is judged and bumped, and how commands run for it.
type Module struct {
	*discover.Module
	Go gocmd.Runner // in its root directory
	// List is Go in the build configuration in which packages are listed, and Flags are the
	// flags for that.
	List  gocmd.Runner
	Flags []string
	// Verify compiles changes, and vets and tests them if the user wants that. Packages are
	// those that change although no file of theirs does; flags are for the go command.
	Verify func(ctx context.Context, changes []change.Change, packages, flags []string) (verify.Judgement, error)
	Log    func(format string, args ...any)
}

// A Bump is what the policy says of one requirement in go.mod, and what became of it.
type Bump struct {
	modbump.Finding
	// ID is the same in later runs, as long as the file, the module that it requires and the
	// order of its requirements of that are.
	ID      string
	Refused *Refusal // why a bump that the policy wants was not made
	// Calls are those that make the leak of the module real.
	Calls []leaks.Call
	// File is where the finding is, if not in go.mod.
	File string
	// Plan says what else comes with the bump; it is known when the change was made.
	Plan []string
}

// to is the version that is bumped to.
func (b Bump) to() module.Version { return module.Version{Path: b.Module, Version: b.Target} }

// from is the version that the file has now where it gets another one.
func (b Bump) from() string {
	if b.Replacement && len(b.Edits) > 0 {
		return strings.Trim(b.Edits[0].Old, `"`+"`")
	}
	return b.Version
}

// A Refusal says why a bump was not made.
type Refusal struct {
	Code   finding.Code
	Detail string
	// Wanted are the requirements that the go.mod would need besides.
	Wanted []module.Version
}

// A Verdict is what the policy says of a module.
type Verdict struct {
	Bumps   []Bump
	Skipped []finding.Skip

	opts   Options
	policy modbump.Options
	plan   *modbump.Result
	goSum  []byte // as it is; nil for none
	chosen func(Bump) bool
}

// Choose leaves the other bumps out, and returns how many those are.
func (v *Verdict) Choose(wanted func(Bump) bool) (left int) {
	all := len(v.Bumps)
	v.chosen = wanted
	v.Bumps = slices.DeleteFunc(v.Bumps, func(b Bump) bool { return !wanted(b) })
	return all - len(v.Bumps)
}

// Identify gives each bump its ID. In is the path of the module.
func Identify(bumps []Bump, in string) {
	ids := finding.IDs{}
	for i, b := range bumps {
		bumps[i].ID = ids.Next(b.Rule, in, filepath.Base(b.File), b.Module)
	}
}

// Leaks reports whether what is built has the leak that takes a watch with a deadline.
func (v *Verdict) Leaks() bool {
	for _, b := range v.Bumps {
		if b.leaks() {
			return true
		}
	}
	return false
}

func (b Bump) leaks() bool { return b.Leaks && !b.Harmless }

// WithCalls gives the bumps of leaking clients the calls that make the leak real.
func WithCalls(bumps []Bump, calls []leaks.Call) []Bump {
	var out []Bump
	for _, b := range bumps {
		if b.leaks() {
			b.Calls = calls
		}
		out = append(out, b)
	}
	return out
}

// Made is what came of the bumps.
type Made struct {
	Bumps []Bump
	// Refresh is what goes before the changes, and is none of what the bumps change: a vendor
	// directory as the go.mod before asks for it.
	Refresh []change.Change
	Changes []change.Change // verified
	Skipped []finding.Skip
	// Flags are for the verification of whatever is changed besides.
	Flags []string
	// Failed holds what verification said where nothing was accepted.
	Failed []finding.Problem
}
