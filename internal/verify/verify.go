// Package verify decides whether edited files build where the original built.
//
// It takes a module directory and the edits as bytes, and gives the errors that
// the edits brought. It runs the go command over a [shadow.Shadow] of the module:
// it never writes below the
// module directory, never changes go.mod or go.sum, and never downloads what the
// go command would not download by itself.
//
// # Planning
//
// One "go list -deps -test" with the overlay gives the import graph. The packages
// to compile are the changed ones, and all of the main module (in a workspace: of
// all its modules) that import them, through whatever is between. When go.mod or
// go.work is among the edits, packages that now come from another module version
// or are compiled for another go line count as changed as well.
//
// # Execution
//
// One "go list -export" compiles them with their tests and links nothing. Without
// errors that is all. With errors the original is compiled too, and what was
// there before is taken away. A package that failed before and after is
// type-checked from source on both sides, over the export data of what did
// compile: the compiler stops at ten errors, and an error that hides behind ten
// others must be seen. Vet and the tests run after that, if asked for: vet in place,
// where the package of a new directory is a module of its own, and what it objects to
// there is decided in a scratch copy, as tests are.
//
// # Comparing
//
// Errors are compared per package as multisets of file and message, since an edit
// moves lines. An error whose text the edit changed counts as new: the answer
// errs on the side of "does not build".
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/verify/shadow"
)

// A Request is what to verify.
type Request struct {
	// Go runs the go command. Go.Dir is the root directory of the module; Go.Env is
	// the environment of the user, GOWORK included. What its layer has counts as the
	// original.
	Go gocmd.Runner
	// Overlay gives the new content of every edited and every new file by absolute
	// path: Go files, go.mod, go.sum. Directories need not exist.
	Overlay map[string][]byte
	// Packages are the changed packages, the new ones included: import paths or
	// patterns. Packages that have a Go file in Overlay are added to them.
	Packages []string
	// Apart are packages of the module that "./..." leaves out: with them, the tests that
	// they have are seen.
	Apart []string
	// Flags are build flags such as -tags=x. Flags that only "go test" knows, such
	// as -timeout=30s, are given to it alone.
	Flags []string
	// Vet asks for "go vet" of the changed packages.
	Vet bool
	// Test asks for the tests of the changed packages, and of those of the main modules
	// that import them. Tests are the user's code and write where they like, so they
	// always run in a scratch copy.
	Test bool
}

// A Result is what verification found.
type Result struct {
	// New are the problems that the edits brought. None means verified.
	New []finding.Problem
	// Old are those that the original has in packages that the edits, or what they make
	// out of date, lead to, and Still those of them that are there with the edits as well.
	// They are looked for only where the edits show any problem, and are errors of the go
	// command and of the compiler.
	Old, Still []finding.Problem
	// Unbuilt are the packages, with or without tests, that do not build with the edits and did not
	// build before either: what the edits do to what they do with others is not known.
	Unbuilt []string
	// Before is how many problems the original has. It is looked at only as far as
	// it takes to tell old from new: 0 when the edits show no problem at all.
	Before int
	// Checked are the import paths of the packages that were compiled with their
	// tests: the changed ones, and all that import them.
	Checked []string
	// Unproved are the packages of which vet or the tests prove nothing,
	// since they do not build, or their tests failed before as well.
	Unproved []string
	// Uncovered are edited Go files that no compiled package reads: those of another
	// GOOS or build tag.
	Uncovered []string
}

// OK reports whether the edits brought no problem.
func (r *Result) OK() bool { return len(r.New) == 0 }

// Check verifies req. An error means that there is no answer: there is no go
// command (it wraps [gocmd.ErrNoGo]), the module cannot be loaded with or without
// the edits, a package of req is not there, or ctx ended.
func Check(ctx context.Context, req Request) (*Result, error) {
	patterns := cleanPatterns(req.Packages)
	w, err := shadow.Open(ctx, shadow.Request{
		Go: req.Go, Edits: req.Overlay, Flags: req.Flags, Patterns: slices.Concat(req.Apart, patterns),
	})
	if err != nil {
		return nil, failure(ctx, err)
	}
	defer w.Close()
	c := &checker{req: req, patterns: patterns, shadow: w, before: w.Before, after: w.After}
	if err := c.check(ctx); err != nil {
		return nil, failure(ctx, err)
	}
	return c.finish(), nil
}

// failure lets the end of ctx win over the errors that it caused.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w (%v)", ctx.Err(), err)
	}
	return fmt.Errorf("verify: %w", err)
}

// A checker is one run of Check.
type checker struct {
	req           Request
	patterns      []string // req.Packages as the go command spells them
	shadow        *shadow.Shadow
	before, after *shadow.Side

	changed map[string]bool   // import paths
	roots   []string          // import paths of the packages to compile
	pkgs    []*shadow.Package // with the edits, filled by load
	built   *build            // with the edits, filled by compile
	result  Result
}

func (c *checker) check(ctx context.Context) error {
	if loaded, err := c.load(ctx); err != nil || !loaded {
		return err
	}
	if err := c.plan(ctx); err != nil {
		return err
	}
	if err := c.compile(ctx); err != nil {
		return err
	}
	// Vet and tests of what does not build only say so again.
	if c.result.OK() && c.req.Vet {
		if err := c.vet(ctx); err != nil {
			return err
		}
	}
	if c.result.OK() && c.req.Test {
		return c.test(ctx)
	}
	return nil
}

// load lists the packages under the edits. When that is impossible it reports
// whether the edits are to blame: then that is a problem, otherwise an error.
func (c *checker) load(ctx context.Context) (loaded bool, err error) {
	c.pkgs, err = c.after.List(ctx)
	if err == nil {
		return true, nil
	}
	var said *gocmd.Error
	if ctx.Err() != nil || errors.Is(err, gocmd.ErrNoGo) || !errors.As(err, &said) {
		return false, err
	}
	if _, before := c.before.List(ctx); before != nil {
		return false, before
	}
	c.result.New = append(c.result.New, finding.Problem{Message: c.shadow.Places().Message(said.Stderr), Phase: PhaseLoad})
	return false, nil
}

func (c *checker) finish() *Result {
	c.result.New = sortProblems(c.result.New)
	c.result.Still = sortProblems(c.result.Still)
	return &c.result
}
