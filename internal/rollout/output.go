package rollout

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"etcdmod/internal/modules"
)

// unitFiles are the patch and the description of a unit, with their names.
type unitFiles struct {
	patch       string
	diff        []byte
	description string
	text        []byte
}

// An output is the directory that a rollout writes into; nil writes nothing.
type output struct{ dir string }

// An outputError says that the output directory cannot be written. No module can go on
// then.
type outputError struct{ err error }

func (e *outputError) Error() string { return "cannot write the output: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

const unitsDir = "units"

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".etcdmod-"

// openOutput makes the output directory and writes the index of a run that begins. A
// directory that an earlier run has left is emptied; one with anything else in it is not
// touched. The index is there before all else and says that it is not complete, so that a run
// that is killed at any point leaves what the next one knows.
func openOutput(dir string, index *Index) (*output, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &outputError{err}
	}
	isTemp := func(e fs.DirEntry) bool { return e.Type().IsRegular() && strings.HasPrefix(e.Name(), tempPrefix) }
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !isTemp(e) }) {
		if _, err := readIndex(os.DirFS(dir)); err != nil {
			return nil, fmt.Errorf("%w: %s is not empty, and no rollout has written it; name another directory", ErrUsage, dir)
		}
	}
	o := &output{dir}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, &outputError{err}
	}
	if err := o.index(index); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if isTemp(e) || e.Name() == TimesFile || slices.Contains(reportFiles(), e.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	units := filepath.Join(dir, unitsDir)
	if err := errors.Join(os.RemoveAll(units), os.Mkdir(units, 0o777)); err != nil {
		return nil, &outputError{err}
	}
	return o, nil
}

// readIndex reads the index of an output directory.
func readIndex(dir fs.FS) (*Index, error) {
	data, err := fs.ReadFile(dir, IndexFile)
	if err != nil {
		return nil, err
	}
	var index Index
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, err
	}
	if index.Format == 0 {
		return nil, errors.New("it is no index of a rollout")
	}
	return &index, nil
}

// complete writes the index of a run that has ended, and how long it took.
func (o *output) complete(index *Index, took time.Duration) error {
	index.Complete = true
	if o == nil {
		return nil
	}
	t := times{Format: Format, Seconds: took.Seconds(), Modules: map[string]float64{}}
	for _, m := range index.Modules {
		t.Modules[m.Dir] = m.Seconds
	}
	if err := o.create(TimesFile, func(w io.Writer) error { return writeJSON(w, t) }); err != nil {
		return err
	}
	return o.index(index) // last: it says that all is there
}

// WriteIndex replaces the index in an output directory.
func WriteIndex(dir string, index *Index) error { return (&output{dir}).index(index) }

// index writes the index.
func (o *output) index(index *Index) error {
	if o == nil {
		return nil
	}
	return o.create(IndexFile, index.JSON)
}

// writeJSON writes a value as the files in the output directory have it.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	return enc.Encode(v)
}

// units writes the files of a module's units.
func (o *output) units(m *Module, units []unitFiles) error {
	if o == nil {
		for i := range m.Units {
			m.Units[i].Patch, m.Units[i].Description = "", ""
		}
		return nil
	}
	for _, u := range units {
		if err := o.write(u.patch, u.diff); err != nil {
			return err
		}
		if err := o.write(u.description, u.text); err != nil {
			return err
		}
	}
	return nil
}

// write replaces a file; nobody sees half of it.
func (o *output) write(name string, data []byte) error {
	return o.create(name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// create replaces a file by what a function writes.
func (o *output) create(name string, write func(io.Writer) error) error {
	name = filepath.Join(o.dir, filepath.FromSlash(name))
	tmp, err := os.CreateTemp(filepath.Dir(name), tempPrefix+"*")
	if err != nil {
		return &outputError{err}
	}
	buf := bufio.NewWriter(tmp)
	err = errors.Join(write(buf), buf.Flush(), tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return &outputError{err}
	}
	return nil
}

// relative drops the root of the repository from the files that a message names.
func relative(message, repo string) string {
	return strings.ReplaceAll(message, repo+string(filepath.Separator), "")
}

// realDir is an absolute name, with no symbolic links as far as there is something.
func realDir(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return modules.Resolved(dir)
}

// within reports whether a directory is at or below another one.
func within(dir, top string) bool {
	rel, err := filepath.Rel(top, dir)
	return err == nil && filepath.IsLocal(rel)
}
