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
	"strings"
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

// openOutput makes the output directory. One that an earlier run has left is emptied; one
// with anything else in it is not touched.
func openOutput(dir string) (*output, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &outputError{err}
	}
	if len(entries) > 0 {
		var old Index
		data, err := os.ReadFile(filepath.Join(dir, IndexFile))
		if err != nil || json.Unmarshal(data, &old) != nil || old.Format == 0 {
			return nil, fmt.Errorf("%w: %s is not empty, and no rollout has written it; name another directory", ErrUsage, dir)
		}
		for _, name := range append([]string{unitsDir}, reportFiles()...) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return nil, &outputError{err}
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, unitsDir), 0o777); err != nil {
		return nil, &outputError{err}
	}
	return &output{dir}, nil
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
	tmp, err := os.CreateTemp(filepath.Dir(name), ".etcdmod-*")
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
