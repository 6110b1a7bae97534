package gocmd

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

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
	return pipes.Watch(ctx, "the go command", r.pipe)
}

// pipe returns a pipe that the go command may wait for, or "": in the module, in those that it is
// built with by their directories, and beside the go.work.
func (r Runner) pipe(ctx context.Context) string {
	dirs := []string{r.Dir}
	work := r.work()
	if work != "" {
		for _, name := range []string{work, work + ".sum"} {
			if isPipe(name) {
				return name
			}
		}
		if data, err := rooted.ReadNamed(work, rooted.ModFile); err == nil {
			if file, err := modfile.ParseWork(work, data, nil); err == nil {
				for _, use := range file.Use {
					dirs = append(dirs, absolute(filepath.Dir(work), use.Path))
				}
				dirs = append(dirs, replaced(filepath.Dir(work), file.Replace)...)
			}
		}
		dirs = append(dirs, filepath.Join(filepath.Dir(work), "vendor"))
	}
	for _, dir := range slices.Clone(dirs) {
		name := filepath.Join(dir, "go.mod")
		if data, err := rooted.ReadNamed(name, rooted.ModFile); err == nil {
			if file, err := modfile.Parse(name, data, nil); err == nil {
				dirs = append(dirs, replaced(dir, file.Replace)...)
			}
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if name := pipes.Below(ctx, dir, isModule, opened); name != "" {
			return name
		}
	}
	return ""
}

// work returns the go.work in effect, or "".
func (r Runner) work() string {
	switch name := Setting(r.Env)("GOWORK"); name {
	case "off":
		return ""
	case "", "auto":
		for dir := r.Dir; ; dir = filepath.Dir(dir) {
			if _, err := os.Lstat(filepath.Join(dir, "go.work")); err == nil {
				return filepath.Join(dir, "go.work")
			}
			if dir == filepath.Dir(dir) {
				return ""
			}
		}
	default:
		return name
	}
}

func replaced(home string, list []*modfile.Replace) (dirs []string) {
	for _, r := range list {
		if r.New.Version == "" {
			dirs = append(dirs, absolute(home, r.New.Path))
		}
	}
	return dirs
}

func absolute(home, dir string) string {
	if dir = filepath.FromSlash(dir); filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(home, dir)
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
