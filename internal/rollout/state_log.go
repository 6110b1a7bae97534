package rollout

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
)

// A stateRecord is one line of the journal of a rollout. One of its members is set.
type stateRecord struct {
	Run *stateRun `json:"run,omitempty"` // the first record
	// Scratch is a directory for temporary files that is about to be made.
	Scratch string       `json:"scratch,omitempty"`
	Module  *stateModule `json:"module,omitempty"`
}

// A stateRun says what was begun.
type stateRun struct {
	Tool     string   `json:"tool"` // version of etcdmod
	Shard    Shard    `json:"shard,omitzero"`
	Modules  int      `json:"modules"` // of this machine
	Settings Settings `json:"settings"`
}

// A stateModule is a finished module, with all that its result has.
type stateModule struct {
	Sum     string      `json:"sum"` // of what the result depends on
	Result  Module      `json:"result"`
	Seconds float64     `json:"seconds"`
	Files   []stateFile `json:"files,omitempty"`
}

// A stateFile is a patch or a description. Its content need not be UTF-8.
type stateFile struct {
	Name    string `json:"name"`
	Content []byte `json:"content"`
}

const stateMagic = "etcdmod-rollout 1 "

// line encodes a record: a mark, a checksum, and JSON.
func (rec *stateRecord) line() ([]byte, error) {
	data, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s%s %s\n", stateMagic, stateSum(data), data), nil
}

func stateSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// parseState decodes a line, with or without its end.
func parseState(line []byte) (rec *stateRecord, ok bool) {
	body, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(stateMagic))
	if !ok {
		return nil, false
	}
	sum, data, ok := bytes.Cut(body, []byte(" "))
	if !ok || string(sum) != stateSum(data) {
		return nil, false
	}
	rec = &stateRecord{}
	return rec, json.Unmarshal(data, rec) == nil
}

// errDamaged says that a journal is none that this version has written.
var errDamaged = errors.New("this is no journal of a rollout that this version can read; it was not touched")

// scanState calls f with each record and its place, and returns where the last one ends.
//
// A record that was being written when the process or the machine went down may be cut short
// or hold anything. It says nothing, and so does any other line that does not fit its
// checksum: the module that it was about is not done.
func scanState(r io.Reader, f func(rec *stateRecord, at, size int64) error) (end int64, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if begin, _ := in.Peek(len(stateMagic)); !begun(begin) {
		return 0, errDamaged
	}
	first := true
	for at := int64(0); ; {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return end, nil // what has no end was being written
		}
		if err != nil {
			return 0, err
		}
		size := int64(len(line))
		if rec, ok := parseState(line); ok {
			if first != (rec.Run != nil) {
				return 0, errDamaged
			}
			if err := f(rec, at, size); err != nil {
				return 0, err
			}
			first, end = false, at+size
		}
		at += size
	}
}

// begun reports whether a journal begins as one does, or as one that did not get far: after
// a power failure, a file may have its size and not its content.
func begun(data []byte) bool {
	for i, c := range data {
		if c != stateMagic[i] && c != 0 {
			return false
		}
	}
	return true
}

// A stateLog appends to a journal. Many may do so at a time: who comes while the disk is
// busy leaves the record to the one that is writing, so that there is one sync for all.
type stateLog struct {
	file *os.File

	mu      sync.Mutex
	size    int64
	pending []byte
	writing bool
	err     error // what ended the writing
}

// append adds a record. When it returns nil, the record is on disk, or another call is about
// to put it there and will say if it cannot.
func (l *stateLog) append(rec *stateRecord) error {
	line, err := rec.line()
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

// module reads the record at a place.
func (l *stateLog) module(at, size int64) (*stateModule, error) {
	line := make([]byte, size)
	if _, err := l.file.ReadAt(line, at); err != nil {
		return nil, err
	}
	rec, ok := parseState(line)
	if !ok || rec.Module == nil {
		return nil, errDamaged
	}
	return rec.Module, nil
}
