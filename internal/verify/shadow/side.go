package shadow

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
)

// A Side is the module before or after the edits.
type Side struct {
	of      *Shadow
	name    string
	overlay *overlay     // nil where nothing is laid over the files on disk
	gowork  string       // the go.work that the user has; empty outside a workspace
	modules []string     // directories of the main modules
	run     gocmd.Runner // in the module directory, with our copy of go.work
	flags   []string     // for every go command on this side
	pkgs    []*Package   // filled by List
	scratch *Stage       // made by Scratch
}

func (w *Shadow) newSide(name string, o *overlay) (*Side, error) {
	s := &Side{
		of:      w,
		name:    name,
		overlay: o,
		gowork:  w.settings.GOWORK,
		modules: []string{w.settings.root},
		run:     w.req.Go.In(w.settings.root),
	}
	s.flags = slices.Clone(w.settings.build)
	if o != nil {
		s.flags = append(s.flags, o.flag)
	}
	switch toolchain, err := s.toolchain(); {
	case err != nil:
		return nil, err
	case toolchain != "" && o != nil:
		s.run = s.run.With("GOTOOLCHAIN=" + toolchain)
	}
	if s.gowork == "" {
		s.run = s.run.With("GOWORK=off")
		return s, nil
	}
	var err error
	if s.modules, err = s.workspaceModules(); err != nil {
		return nil, err
	}
	vendored, err := s.vendoredWorkspace()
	if err != nil {
		return nil, err
	}
	file := s.gowork
	if !vendored {
		if file, err = s.writeWorkspace(filepath.Join(w.tmp, name, "work"), nil); err != nil {
			return nil, err
		}
	}
	s.run = s.run.With("GOWORK=" + file)
	return s, nil
}

// Read gives the content of a file on this side.
func (s *Side) Read(name string) ([]byte, error) { return s.overlay.read(name) }

// goMod gives the go.mod in a directory, and what it is made of.
func (s *Side) goMod(dir string) (*modules.GoMod, []byte, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := s.overlay.read(name)
	if err != nil {
		return nil, nil, err
	}
	mod, err := modules.ParseGoMod(name, data)
	return mod, data, err
}

// moduleOf gives the directory of the main module that name is in, or "".
func (s *Side) moduleOf(name string) (best string) {
	for _, dir := range s.modules {
		if pathname.Below(dir, name) && len(dir) > len(best) {
			best = dir
		}
	}
	return best
}

// Exists reports whether a file is there on this side.
func (s *Side) Exists(name string) bool { return s.overlay.has(name) || onDisk(name) }

// InPlace gives the stage in the user's own directories.
func (s *Side) InPlace() *Stage {
	return &Stage{run: s.run, flags: s.flags, Places: s.of.places}
}

const (
	listFields    = "-json=ImportPath,ForTest,Name,Dir,Standard,Match,GoFiles,CgoFiles,EmbedFiles,TestEmbedFiles,XTestEmbedFiles,Imports,Module,Error"
	compileFields = "-json=ImportPath,ForTest,Name,Dir,Standard,Export,GoFiles,CgoFiles,Imports,ImportMap,Module,Error,DepsErrors"
)

// List gives all packages of the main modules, their tests and what they import.
// Nothing is compiled. The answer is kept.
func (s *Side) List(ctx context.Context) ([]*Package, error) {
	if s.pkgs != nil {
		return s.pkgs, nil
	}
	args := append([]string{"list", "-e", "-test", "-deps", listFields}, s.flags...)
	args = append(args, "./...")
	for _, dir := range s.modules {
		if dir != s.of.settings.root {
			args = append(args, filepath.Join(dir, "..."))
		}
	}
	args = append(args, s.of.req.Patterns...)
	out, err := s.run.Run(ctx, args...)
	if err != nil {
		return nil, err
	}
	s.pkgs, err = decode(out)
	return s.pkgs, err
}

// Export compiles packages and their tests, and gives them and all they import. It
// also gives what the go command said to nobody in particular.
func (s *Side) Export(ctx context.Context, paths []string) (pkgs map[string]*Package, said string, err error) {
	pkgs = map[string]*Package{}
	for _, some := range chunks(paths, maxArgs) {
		args := slices.Concat([]string{"list", "-e", "-test", "-deps", "-export", compileFields}, s.flags, some)
		out, runErr := s.run.Run(ctx, args...)
		list, err := decode(out)
		if err != nil {
			return nil, "", errors.Join(runErr, err)
		}
		for _, p := range list {
			pkgs[p.ImportPath] = p
		}
		if runErr == nil {
			continue
		}
		// A go command may print errors of the compiler to standard error, and fail
		// after it has listed everything.
		var failed *gocmd.Error
		listed := !slices.ContainsFunc(some, func(path string) bool { return pkgs[path] == nil })
		if ctx.Err() != nil || !listed || !errors.As(runErr, &failed) {
			return nil, "", runErr
		}
		said += failed.Stderr
	}
	return pkgs, said, nil
}
