package gocmd

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/modules"
	"etcdmod/internal/pipes"
	"etcdmod/internal/rooted"
)

// Sources are the kinds of files, besides Go's, that the go command opens in a directory.
var Sources = []string{
	".c", ".cc", ".cxx", ".cpp", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90", ".s", ".S", ".sx", ".swig", ".swigcxx", ".syso",
	".pgo", // of default.pgo
}

// Unblock returns a context for a go command of the Runner, which ends where the command waits
// for a pipe. The command has ended when stop is called.
func (r Runner) Unblock(ctx context.Context) (_ context.Context, stop func()) {
	return pipes.Watch(ctx, "the go command", r.blocked)
}

// blocked returns why the go command may wait for a file without end: in the modules that it
// opens, beside the go.work, and where GOFLAGS has it look.
func (r Runner) blocked(ctx context.Context) error {
	if name := r.overlay(); name != "" {
		if err := pipes.Unfit(name, rooted.Index); err != nil {
			return err
		}
	}
	work, dirs := modules.Opened(r.Dir, r.Env)
	if work != "" {
		for _, name := range []string{work, work + ".sum"} {
			if err := pipes.Unfit(name, rooted.SumFile); err != nil {
				return err
			}
		}
		dirs = append(dirs, filepath.Join(filepath.Dir(work), "vendor"))
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if err := pipes.Below(ctx, dir, isModule, opened); err != nil {
			return err
		}
	}
	return nil
}

// isModule reports whether a directory below a module is one of its own, which is for whoever is
// built with that.
func isModule(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "go.mod"))
	return err == nil || filepath.Base(dir) == ".git"
}

// opened reports whether the go command opens a file of that name, and how big one is at most.
func opened(name string) (rooted.Bound, bool) {
	base := filepath.Base(name)
	ext := filepath.Ext(base)
	switch {
	case embedded(name): // whatever it is called
		return rooted.Content, true
	case strings.HasPrefix(base, "_"), strings.HasPrefix(base, "."):
	case base == "go.mod", base == "modules.txt":
		return rooted.ModFile, true
	case base == "go.sum":
		return rooted.SumFile, true
	case ext == ".go", slices.Contains(Sources, ext):
		return rooted.Content, true
	}
	return 0, false
}
