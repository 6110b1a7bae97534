// Package discover finds out what a module holds without loading it.
//
// It takes a directory and gives the module around it: where its root, repository and
// workspace are, which of its packages import what, and which files nobody will look at.
// It reads each Go file once and parses no more than its import block. It never runs the
// go command and never changes a file.
package discover

import (
	"bytes"
	"fmt"
	"go/build"
	"path/filepath"

	"etcdmod/internal/goenv"
	"etcdmod/internal/rooted"

	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
	"etcdmod/internal/quote"
)

// A Module is one module on disk.
type Module struct {
	Root      string // absolute directory of go.mod, as the caller spells it
	Repo      string // absolute root of the git repository around it, symbolic links resolved; else Root
	Path      string // module path
	GoModFile string
	GoMod     []byte
	// Workspace is the go.work file that is in effect for the module, or "".
	Workspace string
	// Outside is the go.work file that the go command would find but that does not use
	// this module. The go command refuses to work in such a module unless GOWORK=off.
	Outside  string
	Packages map[string]*Package // by import path
	// Nested are the directories of the modules below this one that "./..." leads to; what is
	// below those is left out.
	Nested []string
	// Apart are git repositories below this module that have such modules, which are theirs to change.
	Apart []string
	// Hidden are the files with imports in directories that "./..." leaves out and that no import
	// leads to: whoever names such a directory builds them with the module.
	Hidden []Ignored
	// Unfit are the files for which no go command is run in the module: it would open them,
	// and they are pipes, devices, links out of the repository, or have no end. They are
	// among Skipped as well.
	Unfit   []string
	Skipped []finding.Skip // what could not be read, or made out
	// Linked are the files that have another name by a symbolic link, with that name; both
	// absolute.
	Linked map[string]string

	// Conditional says that a file has a build constraint, or uses cgo, so that it is for the go
	// command to say whether the file belongs to the build.
	Conditional bool

	prefix string // of Root below Repo, slash-separated
	work   string // the go.work that the go command finds, whatever it is; "" without one
}

// A Package is the Go files of one directory. Test files are included.
type Package struct {
	Path    string // import path
	Dir     string // absolute
	Main    bool
	Imports map[string]bool // of Files
	Files   []string        // absolute
	Mention map[string]bool // words looked for that occur in Files
	Ignored []Ignored       // files that the build configuration leaves out
	Bazel   bool            // has a BUILD file
	Apart   bool            // only imports lead to it: "./..." leaves it out
	Repo    string          // the directory of the git repository that it is in, where that is one below the module; absolute
}

// An Ignored is a Go file that the build configuration leaves out.
type Ignored struct {
	Name    string // absolute
	Imports []string
	Mention map[string]bool
}

// Options say how to read a module.
type Options struct {
	Env  []string // nil means that of this process
	Tags []string // build tags; without any, those of GOFLAGS
	// Build chooses the files. nil means what Env and Tags tell, which is the same but where the
	// go command is asked for experiments, a race detector, or a C compiler that is not there.
	Build *build.Context
	Words []string // looked for in the files, see Package.Mention
	Hints []string // looked for as well, but not worth a note by themselves
	// Paths are import paths. A file whose imports cannot be told is worth a note when
	// one of them, or one of Words, occurs in it.
	Paths []string
	// Repo is the directory that stands for the root of the repository where it is not
	// that of a git repository; a root of many modules, for example. "" means to find out.
	Repo string
}

// Find reads the module that holds dir. Without one the error wraps [modules.ErrNoModule].
func Find(dir string, opts Options) (*Module, error) {
	root, err := modules.Root(dir)
	if err != nil {
		return nil, err
	}
	m := &Module{Root: root, GoModFile: filepath.Join(root, "go.mod"), Packages: map[string]*Package{}, Linked: map[string]string{}}
	repo, below := modules.Boundary(m.GoModFile)
	files, err := rooted.Open(repo)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	if m.GoMod, err = files.ReadFile(below, rooted.ModFile); err != nil {
		return nil, fmt.Errorf("cannot read go.mod: %w", err)
	}
	if bytes.HasPrefix(m.GoMod, []byte("\xef\xbb\xbf")) {
		return nil, fmt.Errorf("%s starts with a byte order mark, which the go command does not accept; remove it", quote.Name(m.GoModFile))
	}
	m.Path = modules.ModulePath(m.GoMod)
	if m.Path == "" {
		return nil, fmt.Errorf("%s has no module directive; add one (\"go mod edit -module path\")", quote.Name(m.GoModFile))
	}
	m.repository(opts.Repo)
	m.workspace(opts.Env)
	w := walker{m: m, opts: opts, files: files, real: filepath.Dir(below), build: opts.Build}
	if w.build == nil {
		w.build = buildContext(goenv.Setting(opts.Env), opts.Tags)
	}
	w.settings()
	w.dir(root, true)
	w.imported()
	w.unhide()
	for path, p := range m.Packages {
		if len(p.Files)+len(p.Ignored) == 0 {
			delete(m.Packages, path)
		}
	}
	return m, nil
}
