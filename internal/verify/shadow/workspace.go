package shadow

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"etcdmod/internal/modules"
	"etcdmod/internal/quote"
)

// A workspace is run from a copy of go.work: the go command adds to go.work.sum
// whatever it misses there, also when it only lists. The exception is a workspace
// with a vendor directory: it has no use for sums, and the go command compares
// replacements with vendor/modules.txt by their path from go.work.

// vendoredWorkspace reports whether the packages of the workspace are vendored.
func (s *Side) vendoredWorkspace() (bool, error) {
	f, err := s.readWorkspace()
	if err != nil {
		return false, err
	}
	return s.vendored(filepath.Dir(s.gowork), f.Go, "go1.22"), nil
}

// workspaceModules gives the directories of the modules that go.work uses. It fails
// when the module is not one of them: the go command would find no packages then.
func (s *Side) workspaceModules() ([]string, error) {
	f, err := s.readWorkspace()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, dir := range f.Dirs(filepath.Dir(s.gowork)) {
		dirs = append(dirs, s.of.member(dir))
	}
	if !slices.Contains(dirs, s.of.settings.root) {
		return nil, fmt.Errorf("the workspace %s does not use the module in %s; set GOWORK=off or run \"go work use\"", quote.Name(s.gowork), quote.Name(s.of.settings.root))
	}
	return dirs, nil
}

// member spells the directory of the module in question as the caller does.
func (w *Shadow) member(dir string) string {
	if sameFile(dir, w.settings.root) {
		return w.settings.root
	}
	return dir
}

// writeWorkspace copies go.work into dir and gives the path of the copy. Modules that
// have a copy elsewhere are moved there, relative paths become absolute, and more modules
// may be used.
func (s *Side) writeWorkspace(dir string, moved map[string]string, more ...string) (string, error) {
	f, err := s.readWorkspace()
	if err != nil {
		return "", err
	}
	data, err := f.MovedFrom(filepath.Dir(s.gowork), func(dir string) string {
		at := s.of.member(dir)
		if to, ok := moved[at]; ok {
			return to
		}
		return at
	}, more...)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "go.work")
	if err := writeFile(file, data, 0o666); err != nil {
		return "", err
	}
	sum, err := s.overlay.read(s.gowork + ".sum")
	if err != nil {
		return file, nil // there need not be one
	}
	return file, writeFile(file+".sum", sum, 0o666)
}

func (s *Side) readWorkspace() (*modules.GoWork, error) {
	data, err := s.overlay.read(s.gowork)
	if err != nil {
		return nil, err
	}
	f, err := modules.ParseGoWork(s.gowork, data)
	if err != nil {
		return nil, fmt.Errorf("reading the workspace: %w", err)
	}
	return f, nil
}

// vendored reports whether the go command takes packages from dir/vendor, where line
// is the go line of dir/go.mod or dir/go.work, and since the version that does.
func (s *Side) vendored(dir string, line, since string) bool {
	if !modules.TakesVendor(s.of.settings.mod, line, since) {
		return false
	}
	if s.of.settings.mod == "vendor" {
		return true
	}
	list := filepath.Join(dir, "vendor", "modules.txt")
	_, err := os.Stat(list)
	return err == nil || s.overlay.has(list)
}

// copyVendor makes the directory vendor in from visible in to, which exists.
func (s *Side) copyVendor(to, from string) error {
	from, to = filepath.Join(from, "vendor"), filepath.Join(to, "vendor")
	s.of.places.trees = append(s.of.places.trees, tree{copy: to, original: from})
	if !s.overlay.touches(from) && os.Symlink(from, to) == nil {
		return nil
	}
	return copyTree(to, from, s.overlay)
}
