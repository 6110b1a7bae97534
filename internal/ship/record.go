package ship

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// RecordFile is the name of the file, in the output directory, that remembers what has been
// published: a line of JSON for each, appended before the next command runs.
const RecordFile = "published.jsonl"

// A record is what has been published.
type record struct {
	file *os.File
	done map[published]bool
}

// published is a line of the record.
type published struct {
	Unit   string `json:"unit"`
	Change string `json:"change"`
}

func openRecord(dir string) (*record, error) {
	name := filepath.Join(dir, RecordFile)
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r := &record{done: map[published]bool{}}
	for line := range bytes.Lines(data) {
		var p published
		if json.Unmarshal(line, &p) == nil { // the last one may be torn
			r.done[p] = true
		}
	}
	if r.file, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		if _, err := r.file.WriteString("\n"); err != nil {
			return nil, errors.Join(err, r.file.Close())
		}
	}
	return r, nil
}

func (r *record) has(unit, change string) bool { return r.done[published{unit, change}] }

// add returns when the line is on disk.
func (r *record) add(unit, change string) error {
	p := published{unit, change}
	line, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := r.file.Write(append(line, '\n')); err != nil {
		return err
	}
	r.done[p] = true
	return r.file.Sync()
}

func (r *record) close() { _ = r.file.Close() }
