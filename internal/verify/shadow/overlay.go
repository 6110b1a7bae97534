package shadow

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"etcdmod/internal/pathname"
	"etcdmod/internal/rooted"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/quote"
)

// An overlay is the edits in the form that the go command takes. It lives in a
// temporary directory: overlay.json and one stand-in for each file.
type overlay struct {
	flag     string            // -overlay=...
	content  map[string][]byte // by path of the user's file
	original map[string]string // stand-in to the user's file
}

// newOverlay writes an overlay, and remembers what its files stand for.
func (w *Shadow) newOverlay(files map[string][]byte) (*overlay, error) {
	o, err := newOverlay(w.tmp, files)
	if err != nil {
		return nil, err
	}
	maps.Copy(w.places.files, o.original)
	return o, nil
}

func newOverlay(tmp string, files map[string][]byte) (*overlay, error) {
	dir, err := os.MkdirTemp(tmp, "overlay-")
	if err != nil {
		return nil, err
	}
	o := &overlay{content: files, original: map[string]string{}}
	replace := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(files)) {
		if !filepath.IsAbs(name) {
			return nil, fmt.Errorf("the path %s in the overlay is not absolute", quote.Name(name))
		}
		// The base name stays, since it shows in messages that nobody can map back.
		standIn := filepath.Join(dir, strconv.Itoa(i), filepath.Base(name))
		if err := writeFile(standIn, files[name], 0o666); err != nil {
			return nil, err
		}
		replace[name] = standIn
		o.original[standIn] = name
	}
	file := filepath.Join(dir, "overlay.json")
	o.flag = "-overlay=" + file
	return o, gocmd.WriteOverlay(file, replace)
}

// has reports whether name is edited. A nil overlay has nothing.
func (o *overlay) has(name string) bool {
	if o == nil {
		return false
	}
	_, ok := o.content[name]
	return ok
}

// read gives the edited content of a file, or what is on disk. A nil overlay gives
// what is on disk.
func (o *overlay) read(name string) ([]byte, error) {
	if o.has(name) {
		return o.content[name], nil
	}
	return rooted.ReadNamed(name, rooted.Content)
}

// touches reports whether a file below dir is edited.
func (o *overlay) touches(dir string) bool { return len(o.below(dir)) > 0 }

// below gives the edited files below dir.
func (o *overlay) below(dir string) []string {
	if o == nil {
		return nil
	}
	var names []string
	for name := range o.content {
		if pathname.Below(dir, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
