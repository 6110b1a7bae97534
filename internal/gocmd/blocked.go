package gocmd

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/modules"
	"etcdmod/internal/pipes"
)

// Sources are the kinds of files, besides Go's, that the go command opens in a directory.
var Sources = []string{
	".c", ".cc", ".cxx", ".cpp", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90", ".s", ".S", ".sx", ".swig", ".swigcxx", ".syso",
	".pgo", // of default.pgo
}

// Unblock returns a context for a go command of the Runner, which ends where the command waits
// for a pipe. The command has ended when stop is called.
func (r Runner) Unblock(ctx context.Context) (_ context.Context, stop func()) {
	return pipes.Watch(ctx, "the go command", r.pipe)
}

// pipe returns a pipe that the go command may wait for, or "": in the modules that it opens, and
// beside the go.work.
func (r Runner) pipe(ctx context.Context) string {
	work, dirs := modules.Opened(r.Dir, r.Env)
	if work != "" {
		for _, name := range []string{work, work + ".sum"} {
			if isPipe(name) {
				return name
			}
		}
		dirs = append(dirs, filepath.Join(filepath.Dir(work), "vendor"))
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if name := pipes.Below(ctx, dir, isModule, opened); name != "" {
			return name
		}
	}
	return ""
}

func isPipe(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// isModule reports whether a directory below a module is one of its own, which is for whoever is
// built with that.
func isModule(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "go.mod"))
	return err == nil || filepath.Base(dir) == ".git"
}

// opened reports whether the go command opens a file of that name.
func opened(name string) bool {
	base := filepath.Base(name)
	if strings.HasPrefix(base, "_") || strings.HasPrefix(base, ".") {
		return false
	}
	ext := filepath.Ext(base)
	return ext == ".go" || base == "go.mod" || base == "go.sum" || base == "modules.txt" || slices.Contains(Sources, ext)
}
