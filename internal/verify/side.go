package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"etcdmod/internal/gocmd"
)

// A side is the module before or after the edits.
type side struct {
	name    string
	overlay *overlay     // nil before the edits
	gowork  string       // the go.work that the user has; empty outside a workspace
	modules []string     // directories of the main modules
	run     gocmd.Runner // in the module directory, with our copy of go.work
	flags   []string     // for every go command on this side
	pkgs    []*pkg       // filled by list
	built   *build       // filled by compile, after the edits
	scratch *scratch     // made by scratch
}

func (c *checker) newSide(name string, o *overlay) (*side, error) {
	s := &side{
		name:    name,
		overlay: o,
		gowork:  c.settings.GOWORK,
		modules: []string{c.settings.root},
		run:     c.req.Go.In(c.settings.root),
	}
	s.flags = slices.Clone(c.settings.build)
	if o != nil {
		s.flags = append(s.flags, o.flag)
	}
	switch toolchain, err := c.toolchain(s); {
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
	if s.modules, err = c.workspaceModules(s); err != nil {
		return nil, err
	}
	vendored, err := c.vendoredWorkspace(s)
	if err != nil {
		return nil, err
	}
	file := s.gowork
	if !vendored {
		if file, err = c.writeWorkspace(s, filepath.Join(c.tmp, name, "work"), nil); err != nil {
			return nil, err
		}
	}
	s.run = s.run.With("GOWORK=" + file)
	return s, nil
}

// A pkg is one entry of "go list": a package, its variant for a test
// ("p [p.test]"), an external test package ("p_test [p.test]") or a generated test
// main package ("p.test").
type pkg struct {
	ImportPath string
	ForTest    string
	Name       string
	Dir        string
	Standard   bool
	Export     string
	Match      []string
	GoFiles    []string
	CgoFiles   []string
	EmbedFiles []string

	TestEmbedFiles  []string
	XTestEmbedFiles []string
	Imports         []string          // as ImportPath of other entries
	ImportMap       map[string]string // from the path in the source to that, where they differ
	Module          *module
	Error           *listError
	DepsErrors      []*listError
}

type module struct {
	Path, Version, Dir, GoVersion string
	Main                          bool
	Replace                       *module
}

type listError struct {
	ImportStack importStack
	Pos         string
	Err         string
}

// An importStack is a list of import paths. It is a hint, so that another form of it
// is no reason to fail.
type importStack []string

func (s *importStack) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*[]string)(s)) == nil {
		return nil
	}
	*s = nil
	return nil
}

const (
	listFields    = "-json=ImportPath,ForTest,Name,Dir,Standard,Match,GoFiles,CgoFiles,EmbedFiles,TestEmbedFiles,XTestEmbedFiles,Imports,Module,Error"
	compileFields = "-json=ImportPath,ForTest,Name,Dir,Standard,Export,GoFiles,CgoFiles,Imports,ImportMap,Module,Error,DepsErrors"
)

// list gives all packages of the main modules, their tests and what they import.
// Nothing is compiled. The answer is kept.
func (c *checker) list(ctx context.Context, s *side) ([]*pkg, error) {
	if s.pkgs != nil {
		return s.pkgs, nil
	}
	args := append([]string{"list", "-e", "-test", "-deps", listFields}, s.flags...)
	args = append(args, "./...")
	for _, dir := range s.modules {
		if dir != c.settings.root {
			args = append(args, filepath.Join(dir, "..."))
		}
	}
	args = slices.Concat(args, c.req.Apart, c.patterns)
	out, err := s.run.Run(ctx, args...)
	if err != nil {
		return nil, err
	}
	s.pkgs, err = decode(out)
	return s.pkgs, err
}

// maxArgs bounds the length of an argument list: Windows takes 32 KiB.
const maxArgs = 24 << 10

// export compiles packages and their tests, and gives them and all they import. It
// also gives what the go command said to nobody in particular.
func (c *checker) export(ctx context.Context, s *side, paths []string) (pkgs map[string]*pkg, said string, err error) {
	pkgs = map[string]*pkg{}
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

func decode(out []byte) ([]*pkg, error) {
	var pkgs []*pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		switch err := dec.Decode(p); err {
		case nil:
			pkgs = append(pkgs, p)
		case io.EOF:
			return pkgs, nil
		default:
			return nil, fmt.Errorf("reading the output of go list: %w", err)
		}
	}
}

// chunks cuts a list into pieces of at most max bytes.
func chunks(list []string, max int) [][]string {
	var all [][]string
	for start := 0; start < len(list); {
		end, size := start, 0
		for end < len(list) && (end == start || size+len(list[end]) < max) {
			size += len(list[end]) + 1
			end++
		}
		all = append(all, list[start:end])
		start = end
	}
	return all
}
