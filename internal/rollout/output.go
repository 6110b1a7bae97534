package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
	"etcdmod/internal/vouch"
)

// unitFiles are the patch and the description of a unit, with their names.
type unitFiles struct {
	patch       string
	diff        []byte
	description string
	text        []byte
}

// An output is the directory that a rollout writes into; nil writes nothing.
type output struct{ dir *rooted.Dir }

// An outputError says that the output directory cannot be written. No module can go on
// then.
type outputError struct{ err error }

func (e *outputError) Error() string { return "cannot write the output: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// openOutput makes the output directory and writes the index of a run that begins. A
// directory that an earlier run has left is emptied; one with anything else in it is not
// touched. The index is there before all else and says that it is not complete, so that a run
// that is killed at any point leaves what the next one knows.
func openOutput(dir string, index *Index) (*output, error) {
	if dir == "" {
		return nil, nil
	}
	d, err := rooted.Make(dir)
	if err != nil {
		return nil, &outputError{err}
	}
	o := &output{d}
	entries, err := d.ReadDir(".")
	if err != nil {
		return nil, errors.Join(&outputError{err}, d.Close())
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !rooted.IsTemp(e) }) {
		if x, err := decodeIndex(d); err != nil || x.Format == 0 {
			d.Close()
			return nil, fmt.Errorf("%w: %s is not empty, and no rollout has written it; name another directory", ErrUsage, quote.Name(dir))
		}
	}
	_, had, _ := findKey(d)
	if index.unvouched == nil {
		if index.key = had; had == nil {
			key, err := vouch.New(d.Name())
			if index.key = key; err != nil {
				index.Notes = append(index.Notes, Note{Path: ".", Detail: fmt.Sprintf("nothing vouches for these results, so that ship takes them with -trust alone: %v", err)})
			}
		}
	}
	if err := o.index(index); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if rooted.IsTemp(e) || e.Name() == TimesFile || slices.Contains(reportFiles(), e.Name()) {
			err = errors.Join(err, d.Remove(e.Name()))
		}
	}
	if err := errors.Join(err, d.RemoveAll(unitsDir), d.Mkdir(unitsDir)); err != nil {
		return nil, &outputError{err}
	}
	return o, nil
}

// decodeIndex reads the index of an output directory, whatever it says.
func decodeIndex(d *rooted.Dir) (*Index, error) {
	data, err := d.ReadFile(IndexFile, rooted.Index)
	if err != nil {
		return nil, err
	}
	var index Index
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("it is no index of a rollout: %w", err)
	}
	return &index, nil
}

// readIndex reads the index of an output directory that this version has written.
func readIndex(d *rooted.Dir) (*Index, error) {
	index, err := decodeIndex(d)
	switch {
	case err != nil:
		return nil, err
	case index.Format != Format:
		return nil, fmt.Errorf("it has format %d, and this version of etcdmod knows %d", index.Format, Format)
	}
	if err := index.check(); err != nil {
		return nil, err
	}
	index.trace(d)
	return index, nil
}

// close gives the directory up.
func (o *output) close() {
	if o != nil {
		o.dir.Close()
	}
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
	return o.finish(index, t)
}

// WriteIndex replaces the index in an output directory.
func WriteIndex(dir string, index *Index) error {
	d, err := rooted.Open(dir)
	if err != nil {
		return &outputError{err}
	}
	defer d.Close()
	o := &output{d}
	t, err := readTimes(d)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &outputError{err}
	}
	return o.finish(index, t)
}

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
	if err := o.dir.Replace(name, write); err != nil {
		return &outputError{err}
	}
	return nil
}
