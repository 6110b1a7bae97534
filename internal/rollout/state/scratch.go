package state

import (
	"crypto/rand"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"etcdmod/internal/appendlog"
	"etcdmod/internal/gocmd"
)

// A scratch is where a run with a state keeps all its temporary files, and so do the go
// commands that it starts. It is in the log before it is made, so that the next run can
// clear away what a killed one left.
type scratch struct {
	dir string   // "" before it is made
	old []string // those of runs before
	// patience is how long to wait for go commands of a killed run, which may still write.
	patience time.Duration
}

// scratchName is what such directories are called: a log cannot make a run remove
// anything else. The name is short, since tests make sockets below it, whose paths may not be
// long.
var scratchName = regexp.MustCompile(`^etcdmod-run-[0-9a-f]{16}$`)

// make makes the directory.
func (s *scratch) make(log *appendlog.Log) error {
	var id [8]byte
	rand.Read(id[:]) // never fails, see crypto/rand
	dir, err := filepath.Abs(filepath.Join(os.TempDir(), "etcdmod-run-"+hex.EncodeToString(id[:])))
	if err != nil {
		return err
	}
	if err := log.Append(record{Scratch: dir}); err != nil {
		return err
	}
	s.dir = dir
	return os.Mkdir(dir, 0o700)
}

// env returns an environment whose temporary files are in the directory.
func (s *scratch) env(env []string) []string {
	return gocmd.Runner{Env: env}.WithTemp(s.dir).Env
}

// sweep removes what earlier runs left, as far as it can. Go commands outlive the run that
// started them, if that was killed, and may make a directory again: there is another sweep
// at the end.
func (s *scratch) sweep() {
	for _, dir := range s.old {
		if scratchName.MatchString(filepath.Base(dir)) {
			s.remove(dir)
		}
	}
}

// close removes everything.
func (s *scratch) close() {
	s.sweep()
	if s.dir != "" {
		s.remove(s.dir)
	}
}

func (s *scratch) remove(dir string) {
	for deadline := time.Now().Add(s.patience); ; time.Sleep(20 * time.Millisecond) {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			return // gone, or never made, or not ours
		}
		if os.RemoveAll(dir) == nil || time.Now().After(deadline) {
			return
		}
		// Tests may leave directories that nobody may write.
		_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = os.Chmod(name, 0o700)
			}
			return nil
		})
	}
}
