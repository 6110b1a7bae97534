package gosum

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
)

// assumedGo is the language version that the go command assumes for a go.mod
// without a go directive. Under -mod=mod it would add a directive with its own
// version and load the module by other rules.
const assumedGo = "1.16"

// scratchPattern begins the names of scratch directories.
const scratchPattern = "etcdmod-gosum-"

// A scratch is a directory with copies of a go.mod and a go.sum, for -modfile:
// the go command reads and writes them in the place of the module's own.
type scratch struct {
	dir   string
	given []byte // go.mod as the go command was given it
}

// withGo returns a go.mod with a go directive: the one it has, or else the one
// that the go command assumes.
func withGo(file *modules.GoMod, gomod []byte) []byte {
	if file.Go != "" {
		return gomod
	}
	return append(bytes.Clone(gomod), "\ngo "+assumedGo+"\n"...)
}

// newScratch makes a scratch directory for commands of r. A nil gosum makes no go.sum.
func newScratch(r gocmd.Runner, gomod, gosum []byte) (*scratch, error) {
	dir, err := r.MkdirTemp("etcdmod-gosum-")
	if err != nil {
		return nil, err
	}
	s := &scratch{dir: dir, given: gomod}
	err = os.WriteFile(s.modfile(), s.given, 0o600)
	if err == nil && gosum != nil {
		err = os.WriteFile(s.sumfile(), gosum, 0o600)
	}
	if err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// newScratchThrough makes a scratch directory with a module that requires others by way of a
// second one. The go command writes a higher version into its go.mod where it selects one, and
// forgets who asked for it; in the go.mod of another module it leaves the lower one.
func newScratchThrough(r gocmd.Runner, mods []module.Version) (*scratch, error) {
	const path = "etcdmod.invalid/through"
	s, err := newScratch(r, fmt.Appendf(nil, "module scratch\n\ngo %s\n\nrequire %s v0.0.0\n\nreplace %[2]s => ./through\n", assumedGo, path), nil)
	if err != nil {
		return nil, err
	}
	gomod := fmt.Appendf(nil, "module %s\n\ngo %s\n", path, assumedGo)
	for _, mod := range mods {
		gomod = fmt.Appendf(gomod, "\nrequire %s %s\n", mod.Path, mod.Version)
	}
	dir := filepath.Join(s.dir, "through")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "go.mod"), gomod, 0o600)); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *scratch) modfile() string { return filepath.Join(s.dir, "go.mod") }
func (s *scratch) sumfile() string { return filepath.Join(s.dir, "go.sum") }
func (s *scratch) remove()         { os.RemoveAll(s.dir) }

// gosum returns the go.sum as the go command left it; nil if there is none.
func (s *scratch) gosum() ([]byte, error) {
	gosum, err := os.ReadFile(s.sumfile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return gosum, err
}

// A drift is what the go command changed in a go.mod, apart from its formatting.
type drift struct {
	any          bool              // something changed, if only the language version
	requirements []module.Version  // added, or with another version
	dropped      map[string]string // requirements that are gone, with their versions
	goVersion    string            // the language version, if it is another one
}

// drift compares the go.mod with what the go command was given.
func (s *scratch) drift() (drift, error) {
	now, err := os.ReadFile(s.modfile())
	if err != nil || bytes.Equal(now, s.given) {
		return drift{}, err
	}
	was, err := modules.ParseGoMod("go.mod", s.given)
	if err != nil {
		return drift{}, err
	}
	is, err := modules.ParseGoMod("go.mod", now)
	if err != nil {
		return drift{}, err
	}
	d := drift{requirements: changed(was, is), dropped: was.Requirements()}
	for path := range is.Requirements() {
		delete(d.dropped, path)
	}
	if is.Go != "" && is.Go != was.Go {
		d.goVersion = is.Go
	}
	d.any = is.Go == "" || d.goVersion != "" || !maps.Equal(was.Requirements(), is.Requirements())
	return d, nil
}
