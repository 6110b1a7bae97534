// Package state is the directory in which a rollout records what it has done, so that it can be
// killed at any point and gone on with.
//
// It takes finished modules, each with a checksum of what its result depends on, and gives them
// back to the run that goes on, as long as the checksum is the same. A log that is appended to
// has first what was begun; each other record is a finished module with all of its result,
// patches included. The output directory is no part
// of the state: a run that goes on writes it anew, from the records of what is done and from
// what it does itself, and so it is as if nothing had happened, whatever became of it meanwhile.
//
// The settings and the version of etcdmod are the same for a whole run, and nobody goes on with
// others. The package never decides what a result is, and never reads one.
package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"etcdmod/internal/appendlog"
	"etcdmod/internal/gitcmd"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
	"etcdmod/internal/vouch"
)

// ErrUsage is wrapped by errors about options that make no sense.
var ErrUsage = errors.New("wrong usage")

// errDamaged says that a log is none that this version has written.
var errDamaged = errors.New("this is no journal of a rollout that this version can read; it was not touched")

// The files in the directory.
const (
	logFile  = "rollout.journal"
	lockFile = "rollout.lock"
	keyFile  = "rollout.key" // the ID of the key that vouches for the log
)

const mark = "etcdmod-rollout 5"

// Settings are what a rollout is told, by name.
type Settings map[string]string

// Differences names the settings that two runs do not have in common, with their values.
func (s Settings) Differences(other Settings) (out []string) {
	all := map[string]bool{}
	for name := range s {
		all[name] = true
	}
	for name := range other {
		all[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if s[name] != other[name] {
			out = append(out, fmt.Sprintf("%s: %s, %s", name, OrUnset(s[name]), OrUnset(other[name])))
		}
	}
	return out
}

// OrUnset is how a message shows a setting that may have no value.
func OrUnset(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}

// A Run says what was begun.
type Run struct {
	Tool     string   `json:"tool"` // version of etcdmod
	Shard    string   `json:"shard,omitempty"`
	Modules  int      `json:"modules"` // of this machine
	Settings Settings `json:"settings"`
}

// A Module is a finished one, with all that its result has.
type Module struct {
	Dir     string          `json:"dir"`
	Sum     string          `json:"sum"` // of what the result depends on
	Failed  bool            `json:"failed,omitempty"`
	Result  json.RawMessage `json:"result"`
	Seconds float64         `json:"seconds"`
	Files   []File          `json:"files,omitempty"`
	// Laid are the files of the module that those that are built with it have to see as they
	// will be.
	Laid []File `json:"laid,omitempty"`
}

// A File is a patch, a description, or a file of the module. Its content need not be UTF-8.
type File struct {
	Name    string `json:"name"`
	Content []byte `json:"content"`
}

// A record is a line of the log. One of its members is set.
type record struct {
	Run    *Run    `json:"run,omitempty"` // the first record
	Module *Module `json:"module,omitempty"`
}

// A State is the open directory of a run; nil keeps nothing.
type State struct {
	dir      string
	files    *rooted.Dir
	key      *vouch.Key
	log      *appendlog.Log
	lock     *flock.Flock
	recorded map[string]place // by directory of the module
	redo     bool             // failures
}

// A place is where in the log the last record about a module is.
type place struct {
	at, size int64
	sum      string
	failed   bool
}

// An Again says why a module that a recorded run has finished is done once more.
type Again string

// The reasons.
const (
	AgainChanged Again = "changed" // what the result depends on is no longer the same
	AgainFailed  Again = "failed"  // it failed, and failures are wanted again
)

// Options say what to do about a run that is recorded.
type Options struct {
	Resume bool // go on with it
	Failed bool // go on with it, and do again the modules that failed
}

// Open opens the state of a run in a directory, which is made if need be. Errors that wrap
// [ErrUsage] say why the run does not go on with what is recorded there.
func Open(dir string, now Run, opts Options) (_ *State, err error) {
	files, err := rooted.Make(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot make the state: %w", err)
	}
	// The lock ends with the process; its file stays.
	s := &State{dir: dir, files: files, lock: flock.New(filepath.Join(dir, lockFile)), recorded: map[string]place{}, redo: opts.Failed}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if info, err := files.Lstat(lockFile); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %w", ErrUsage, &rooted.UnfitError{Path: filepath.Join(dir, lockFile), Why: "is not a regular file; remove it, or name another directory"})
	}
	if ok, err := s.lock.TryLock(); err != nil {
		return nil, fmt.Errorf("cannot lock the state: %w", err)
	} else if !ok {
		return nil, fmt.Errorf("%w: another etcdmod is at work with the state in %s", ErrUsage, dir)
	}
	begun, err := s.read()
	if err != nil {
		return nil, err
	}
	if err := s.fits(begun, now, opts); err != nil {
		return nil, err
	}
	if err := s.begin(begun == nil, now); err != nil {
		return nil, fmt.Errorf("cannot write the state: %w", err)
	}
	return s, nil
}

// read opens the log, if there is one, and returns the run that it is about.
func (s *State) read() (begun *Run, err error) {
	name := filepath.Join(s.dir, logFile)
	if _, err := s.files.Lstat(logFile); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err := s.vouched(name); err != nil {
		return nil, err
	}
	first := true
	s.log, err = appendlog.Open(s.files, logFile, appendlog.Format{Mark: mark, Key: s.key}, func(data []byte, at, size int64) error {
		var rec record
		if err := json.Unmarshal(data, &rec); err != nil || first != (rec.Run != nil) {
			return appendlog.ErrDamaged
		}
		first = false
		switch {
		case rec.Run != nil:
			begun = rec.Run
		case rec.Module != nil:
			s.recorded[rec.Module.Dir] = place{at, size, rec.Module.Sum, rec.Module.Failed}
		}
		return nil
	})
	var unfit *rooted.UnfitError
	switch {
	case errors.Is(err, appendlog.ErrDamaged):
		return nil, fmt.Errorf("%w: %s: %w", ErrUsage, quote.Name(name), errDamaged)
	case errors.As(err, &unfit):
		return nil, fmt.Errorf("%w: %w: %w", ErrUsage, unfit, errDamaged)
	case err != nil:
		return nil, fmt.Errorf("cannot open the state: %w", err)
	}
	return begun, nil
}

// vouched finds the key of the log. What is read back makes this run write files: so it has to
// be what a run of this user wrote, and no part of a repository.
func (s *State) vouched(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tracked, err := gitcmd.Tracked(ctx, name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if tracked {
		return fmt.Errorf("%w: %s: git tracks it, and what a repository brings is no state to go on with; name another directory", ErrUsage, quote.Name(name))
	}
	id, err := s.files.ReadFile(keyFile, rooted.Setting)
	if err == nil {
		s.key, err = vouch.Find(strings.TrimSpace(string(id)), s.dir)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist), errors.Is(err, vouch.ErrUnknown):
		return fmt.Errorf("%w: %s: %w; machines that go on with each other's runs share a directory that %s names; without that, begin anew with another directory", ErrUsage, quote.Name(name), vouch.ErrUnknown, vouch.Variable)
	}
	return fmt.Errorf("%w: %s: %w", ErrUsage, quote.Name(name), err)
}

// fits reports why one does not go on with a recorded run, or begin one.
func (s *State) fits(begun *Run, now Run, opts Options) error {
	switch {
	case begun == nil && opts.Failed:
		return fmt.Errorf("%w: no run is recorded in %s, so nothing has failed; leave out -failed", ErrUsage, s.dir)
	case begun == nil:
		return nil
	case !opts.Resume && !opts.Failed:
		return fmt.Errorf("%w: a run with %d of %d modules done is recorded in %s; -resume goes on with it, -failed also repeats what failed; a new run needs another directory",
			ErrUsage, len(s.recorded), begun.Modules, s.dir)
	}
	differ := begun.Settings.Differences(now.Settings)
	if begun.Tool != now.Tool {
		differ = append(differ, fmt.Sprintf("etcdmod: %s, %s", begun.Tool, now.Tool))
	}
	if begun.Shard != now.Shard {
		differ = append(differ, fmt.Sprintf("-shard: %s, %s", OrUnset(begun.Shard), OrUnset(now.Shard)))
	}
	if len(differ) > 0 {
		return fmt.Errorf("%w: the run that is recorded in %s has other settings (recorded, now); its results would not be like the rest: give the same, or another directory\n\t%s",
			ErrUsage, s.dir, strings.Join(differ, "\n\t"))
	}
	return nil
}

// begin makes the log ready to be appended to, and removes what a run was writing when it was killed.
func (s *State) begin(first bool, now Run) (err error) {
	entries, err := s.files.ReadDir(".")
	for _, e := range entries {
		if rooted.IsTemp(e) {
			err = errors.Join(err, s.files.Remove(e.Name()))
		}
	}
	if err != nil {
		return err
	}
	if s.log == nil {
		if s.key, err = vouch.New(s.dir); err != nil {
			return err
		}
		if err := s.files.WriteFile(keyFile, []byte(s.key.ID()+"\n")); err != nil {
			return err
		}
		if s.log, err = appendlog.Create(s.files, logFile, appendlog.Format{Mark: mark, Key: s.key}); err != nil {
			return err
		}
	}
	if err := s.log.Begin(); err != nil {
		return err
	}
	if first {
		if err := s.log.Append(record{Run: &now}); err != nil {
			return err
		}
		s.files.Sync()
	}
	return nil
}

// Close gives everything up but the log.
func (s *State) Close() {
	if s == nil {
		return
	}
	if s.log != nil {
		s.log.Close()
	}
	_ = s.lock.Close()
	s.files.Close()
}

// Take returns the recorded result of the module in a directory, where the checksum of what it
// depends on is now sum. It is nil if the module has to be done, and again says why, if it is
// recorded.
func (s *State) Take(dir, sum string) (kept *Module, again Again, err error) {
	at, ok := s.recorded[dir]
	switch {
	case !ok:
		return nil, "", nil
	case at.sum != sum:
		return nil, AgainChanged, nil
	case at.failed && s.redo:
		return nil, AgainFailed, nil
	}
	var rec record
	if err = s.log.Read(at.at, at.size, &rec); err == nil && rec.Module == nil {
		err = errDamaged
	}
	if err != nil {
		return nil, "", fmt.Errorf("cannot read the state: %w", err)
	}
	return rec.Module, "", nil
}

// Put records a finished module.
func (s *State) Put(m Module) error {
	if err := s.log.Append(record{Module: &m}); err != nil {
		return fmt.Errorf("cannot write the state: %w", err)
	}
	return nil
}
