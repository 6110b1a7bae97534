package gocmd

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"etcdmod/internal/goenv"
	"etcdmod/internal/rooted"
)

// A Layer is files that the commands of a [Runner] take for those on disk: what an earlier step
// would have written, where it only shows what it would write. It lives in a temporary
// directory of its own.
type Layer struct {
	dir     string
	files   int               // that were written
	Replace map[string]string // the file that stands in, by absolute path
	gone    map[string]bool   // files that are there no more, of which no command is told
}

// NewLayer returns an empty layer, whose directory is where the commands of r keep theirs.
func NewLayer(r Runner) (*Layer, error) {
	dir, err := r.MkdirTemp("etcdmod-layer-")
	return &Layer{dir: dir, Replace: map[string]string{}, gone: map[string]bool{}}, err
}

// Remove removes the files of the layer.
func (l *Layer) Remove() { os.RemoveAll(l.dir) }

// Put puts a file into the layer under each of the given absolute names. The go command compares
// names as text, so that one that goes through a symbolic link is another one.
func (l *Layer) Put(data []byte, names ...string) error {
	standIn := filepath.Join(l.dir, strconv.Itoa(l.files), filepath.Base(names[0]))
	l.files++
	if err := os.MkdirAll(filepath.Dir(standIn), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(standIn, data, 0o666); err != nil {
		return err
	}
	for _, name := range names {
		l.Replace[name] = standIn
		delete(l.gone, name)
	}
	return WriteOverlay(l.file(), l.Replace)
}

// Drop notes that a file is there no more. That is for whoever reads the layer: the go command
// goes on seeing the file, where it is one that counts for it.
func (l *Layer) Drop(name string) error {
	l.gone[name] = true
	delete(l.Replace, name)
	return WriteOverlay(l.file(), l.Replace)
}

// Gone reports whether a file is there no more. In a nil layer all files are there.
func (l *Layer) Gone(name string) bool { return l != nil && l.gone[name] }

func (l *Layer) file() string { return filepath.Join(l.dir, "overlay.json") }

// Empty reports whether nothing is in the layer. A nil layer is empty.
func (l *Layer) Empty() bool { return l == nil || len(l.Replace) == 0 }

// Flags are the flags that make a go command take the layer. A nil layer needs none.
func (l *Layer) Flags() []string {
	if l.Empty() {
		return nil
	}
	return []string{"-overlay=" + l.file()}
}

// Files reads the files of the layer, by absolute path.
func (l *Layer) Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	if l == nil {
		return files, nil
	}
	for name, standIn := range l.Replace {
		data, err := os.ReadFile(standIn)
		if err != nil {
			return nil, err
		}
		files[name] = data
	}
	return files, nil
}

// WriteOverlay writes the file for -overlay that puts files in the place of others, all by
// absolute path.
func WriteOverlay(name string, replace map[string]string) error {
	data, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

// Over returns what an overlay replaces with the layer below it. A nil layer adds nothing.
func (l *Layer) Over(replace map[string]string) map[string]string {
	if l == nil {
		return replace
	}
	all := maps.Clone(l.Replace)
	maps.Copy(all, replace)
	return all
}

// layered adds the flag of a layer to a command that takes one, unless there is one already.
func (r Runner) layered(args []string) []string {
	if r.Layer.Empty() || len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-overlay=") }) {
		return args
	}
	verb := 1
	switch args[0] {
	case "list", "build", "vet", "test":
	case "mod":
		verb = 2
	default:
		return args
	}
	return slices.Concat(args[:verb], r.Layer.Flags(), args[verb:])
}

// Overlaid returns the files that the commands of the Runner take for others, by the absolute
// name of those: the ones of its layer, else those that GOFLAGS names.
func (r Runner) Overlaid() (map[string]string, error) {
	if !r.Layer.Empty() {
		return r.Layer.Replace, nil
	}
	name := r.overlay()
	if name == "" {
		return nil, nil
	}
	data, err := rooted.ReadNamed(name, rooted.Index)
	if err != nil {
		return nil, err
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &overlay); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	all := map[string]string{}
	for name, other := range overlay.Replace {
		if other != "" {
			all[r.from(name)] = r.from(other)
		}
	}
	return all, nil
}

// overlay returns the file that GOFLAGS names for -overlay, or "".
func (r Runner) overlay() string {
	kept, _ := goenv.Flags(goenv.Setting(r.Env)("GOFLAGS"))
	for _, flag := range slices.Backward(kept) {
		name, ok := strings.CutPrefix(strings.TrimLeft(strings.Trim(flag, `'"`), "-"), "overlay=")
		if ok && name != "" {
			return r.from(name)
		}
	}
	return ""
}

// from gives a file the name that it has from the root on.
func (r Runner) from(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(r.Dir, name)
}
