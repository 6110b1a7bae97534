package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"etcdmod/internal/pathname"
	"etcdmod/internal/vouch"
)

// A state is how far a run got.
type state string

const (
	begun    state = ""        // the journal exists, nothing else does
	prepared state = "prepare" // temporary files and directories may exist, no target was touched
	decided  state = "commit"  // targets may have been replaced; goes forward
	undoing  state = "undo"    // replaced targets are being restored; goes back
)

// A record is one line of the journal.
type record struct {
	State state `json:"state"`

	// Files and Dirs are all that the run is going to make; in "prepare".
	Files []entry  `json:"files,omitempty"`
	Dirs  []string `json:"dirs,omitempty"` // to be made, parents first

	// Written are the indexes in Files of the targets to restore; in "undo".
	Written []int `json:"written,omitempty"`
}

// An entry is one file of a run. Paths are relative to the root and use slashes,
// so that a tree that was moved can still be recovered.
type entry struct {
	Path string `json:"path"` // symbolic links resolved
	Temp string `json:"temp"` // base name, beside Path: the new content
	Undo string `json:"undo"` // base name, beside Path: the old content, when going back
	Old  string `json:"old"`  // sha256 in hex; "" means that the file did not exist
	New  string `json:"new"`  // likewise; "" means that it is to be removed
}

func (e entry) target() string { return filepath.FromSlash(e.Path) }
func (e entry) temp() string   { return filepath.Join(filepath.Dir(e.target()), e.Temp) }
func (e entry) undo() string   { return filepath.Join(filepath.Dir(e.target()), e.Undo) }

// forward is the step that gives the target its new content.
func (e entry) forward() move {
	return move{target: e.target(), temp: e.temp(), aside: e.undo(), from: e.Old, to: e.New}
}

// back is the step that gives the target its old content.
func (e entry) back() move {
	return move{target: e.target(), temp: e.undo(), aside: e.temp(), from: e.New, to: e.Old}
}

// magic begins every line; behind it are the ID of the key, the sum that only the key makes,
// and the record.
const magic = "etcdmod-journal 2 "

// encode returns r as a line of the journal.
func (r record) encode(key *vouch.Key) []byte {
	payload, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and ints
	}
	return fmt.Appendf(nil, "%s%s %s %s\n", magic, key.ID(), key.Sum(payload), payload)
}

// A history is what a journal tells.
type history struct {
	State   state
	Files   []entry
	Dirs    []string
	Written []int
}

// parse reads a journal. A last line without its end is one that was being
// written when the process was killed: it counts as not written.
func parse(data []byte, root string) (history, error) {
	var h history
	var key *vouch.Key
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			n := min(len(line), len(magic))
			if string(line[:n]) != magic[:n] {
				return history{}, ErrDamaged
			}
			break
		}
		r, err := decode(line, root, &key)
		if err != nil {
			return history{}, err
		}
		if err := h.add(r); err != nil {
			return history{}, err
		}
		data = rest
	}
	return h, nil
}

// decode reads a line. It finds the key that all lines have, once.
func decode(line []byte, root string, key **vouch.Key) (record, error) {
	var r record
	body, ok := bytes.CutPrefix(line, []byte(magic))
	if !ok {
		return r, ErrDamaged
	}
	id, body, ok := bytes.Cut(body, []byte(" "))
	check, payload, ok2 := bytes.Cut(body, []byte(" "))
	if !ok || !ok2 {
		return r, ErrDamaged
	}
	if *key == nil {
		var err error
		if *key, err = vouch.Find(string(id), root); err != nil {
			return r, err
		}
	}
	if (*key).ID() != string(id) || !(*key).Vouches(string(check), payload) {
		return r, ErrDamaged
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		return r, ErrDamaged
	}
	return r, nil
}

func (h *history) add(r record) error {
	switch {
	case h.State == begun && r.State == prepared:
		h.Files, h.Dirs = r.Files, r.Dirs
	case h.State == prepared && r.State == decided:
	case h.State == decided && r.State == undoing:
		h.Written = r.Written
	default:
		return ErrDamaged
	}
	h.State = r.State
	return h.validate()
}

// validate refuses a journal that no run can have written: a checked-in file must
// not be able to make a recovery touch anything but our own files and their targets.
func (h *history) validate() error {
	for _, e := range h.Files {
		ok := pathname.Check(e.Path) == nil && !strings.EqualFold(e.target(), Name) &&
			tempName.MatchString(e.Temp) && tempName.MatchString(e.Undo) &&
			(e.Old == "" || len(e.Old) == hex.EncodedLen(sha256.Size)) &&
			(e.New == "" && e.Old != "" || len(e.New) == hex.EncodedLen(sha256.Size))
		if !ok {
			return ErrDamaged
		}
	}
	for _, d := range h.Dirs {
		if pathname.Check(d) != nil {
			return ErrDamaged
		}
	}
	for _, i := range h.Written {
		if i < 0 || i >= len(h.Files) {
			return ErrDamaged
		}
	}
	return nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
