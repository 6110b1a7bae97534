// Package appendlog keeps a file that is only appended to, so that a process can be killed at
// any point and the next one knows what was done.
//
// It takes values and gives them back, each with its place in the file. A value is a line: of
// JSON, behind a mark and a checksum where the [Format] has a mark. A line that was being
// written when the process or the machine went down may be cut short or hold anything; it says
// nothing, and so does any other line that does not fit its checksum. What the values mean, and
// what follows from one that is missing, is for the caller to say.
package appendlog

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"etcdmod/internal/rooted"
	"etcdmod/internal/vouch"
)

// A Format is what the lines of a log look like.
type Format struct {
	// Mark begins each line, with the version of what the values look like. Without one a line
	// is JSON and nothing else, for others to read; it is whole if it parses.
	Mark string
	// Key makes the checksums, so that nobody else can write a line; nil where anybody may.
	Key *vouch.Key
}

// ErrDamaged says that a file is no log of the format that was asked for.
var ErrDamaged = errors.New("this is no file of this kind that this version can read; it was not touched")

// line encodes a value.
func (f Format) line(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil || f.Mark == "" {
		return append(data, '\n'), err
	}
	return fmt.Appendf(nil, "%s %s %s\n", f.Mark, f.sum(data), data), nil
}

func (f Format) sum(data []byte) string {
	if f.Key != nil {
		return f.Key.Sum(data)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// parse returns the JSON of a line, given with or without its end.
func (f Format) parse(line []byte) (data []byte, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	if f.Mark == "" {
		return line, json.Valid(line)
	}
	body, ok := bytes.CutPrefix(line, []byte(f.Mark+" "))
	if !ok {
		return nil, false
	}
	have, data, ok := bytes.Cut(body, []byte(" "))
	return data, ok && string(have) == f.sum(data)
}

// scan calls f with the JSON of each whole line and its place, and returns where the last one
// ends.
func (f Format) scan(r io.Reader, each func(data []byte, at, size int64) error) (end int64, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if begin, _ := in.Peek(len(f.Mark)); !f.begun(begin) {
		return 0, ErrDamaged
	}
	for at := int64(0); ; {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return end, nil // what has no end was being written
		}
		if err != nil {
			return 0, err
		}
		size := int64(len(line))
		if data, ok := f.parse(line); ok {
			if err := each(data, at, size); err != nil {
				return 0, err
			}
			end = at + size
		}
		at += size
	}
}

// begun reports whether a file begins as one does, or as one that did not get far: after a
// power failure, a file may have its size and not its content.
func (f Format) begun(data []byte) bool {
	for i, c := range data {
		if c != f.Mark[i] && c != 0 {
			return false
		}
	}
	return true
}

// A Log is an open file. Many may append at a time: calls during a write queue their lines, and
// the writer syncs them together.
type Log struct {
	format Format
	file   *os.File

	mu      sync.Mutex
	size    int64
	pending []byte
	writing bool
	err     error // what ended the writing
}

// Open opens the log in a file of a directory and calls each with the JSON of every whole line and with its
// place, in their order. An error of each ends that and is returned. The file is not changed
// before [Log.Begin]. The error wraps [os.ErrNotExist] where there is no file, is a
// [rooted.UnfitError] where there is something else, such as a link, and is [ErrDamaged] where
// the file is of another kind.
func Open(dir *rooted.Dir, name string, format Format, each func(data []byte, at, size int64) error) (*Log, error) {
	file, err := dir.Update(name, rooted.Index)
	if err != nil {
		return nil, err
	}
	l := &Log{format: format, file: file}
	info, err := file.Stat()
	if err == nil {
		l.size, err = format.scan(io.NewSectionReader(file, 0, info.Size()), each)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// Create makes the file of a log, which must not be there.
func Create(dir *rooted.Dir, name string, format Format) (*Log, error) {
	file, err := dir.Create(name)
	return &Log{format: format, file: file}, err
}

// Begin cuts off what was being written when the last process ended, so that one can append.
func (l *Log) Begin() error { return errors.Join(l.file.Truncate(l.size), l.file.Sync()) }

// Append adds a value. When it returns nil, the line is on disk, or another call is about to
// put it there and will say if it cannot.
func (l *Log) Append(v any) error {
	line, err := l.format.line(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, line...)
	if l.writing {
		return l.err
	}
	l.writing = true
	defer func() { l.writing = false }()
	for len(l.pending) > 0 && l.err == nil {
		lines, at := l.pending, l.size
		l.pending = nil
		l.mu.Unlock()
		_, err := l.file.WriteAt(lines, at)
		if err == nil {
			err = l.file.Sync()
		}
		l.mu.Lock()
		if l.err = err; err == nil {
			l.size += int64(len(lines))
		}
	}
	return l.err
}

// Read decodes the line at a place into v.
func (l *Log) Read(at, size int64, v any) error {
	line := make([]byte, size)
	if _, err := l.file.ReadAt(line, at); err != nil {
		return err
	}
	data, ok := l.format.parse(line)
	if !ok {
		return ErrDamaged
	}
	return json.Unmarshal(data, v)
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }
