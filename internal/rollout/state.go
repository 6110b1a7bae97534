package rollout

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"etcdmod/internal/version"
)

// A state is the directory in which a rollout keeps its journal, so that it can be killed at
// any point and gone on with.
//
// The journal is appended to. Its first record says what was begun; each of the others is a
// finished module with all of its result, patches included, or names the directory for
// temporary files. The output directory is no part of the state: a run that goes on writes it
// anew, from the records of what is done and from what it does itself, and so it is as if
// nothing had happened, whatever became of it meanwhile.
//
// A record says by a checksum what the result depends on. Where that has changed, the module
// is done again. The settings and the version of etcdmod are the same for a whole run, and
// nobody goes on with others.
type state struct {
	stateLog
	scratch  scratch
	lock     *flock.Flock
	sums     *sums
	recorded map[string]place // by directory of the module
	redo     bool             // failures
}

// A place is where in a journal the last record about a module is.
type place struct {
	at, size int64
	sum      string
	failed   bool
}

// The files in the directory of a state.
const (
	stateJournal = "rollout.journal"
	stateLock    = "rollout.lock"
)

// An Again says why a module that a recorded run has finished is done once more.
type Again string

// The reasons.
const (
	AgainChanged Again = "changed" // what the result depends on is no longer the same
	AgainFailed  Again = "failed"  // it failed, and failures are wanted again
)

// openState opens the state of a run; nil where there is none.
func (r *run) openState() (_ *state, err error) {
	if r.State == "" {
		if r.Resume || r.Failed {
			return nil, fmt.Errorf("%w: there is no state to go on with; -state names its directory", ErrUsage)
		}
		return nil, nil
	}
	if err := r.apart(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.State, 0o777); err != nil {
		return nil, fmt.Errorf("cannot make the state: %w", err)
	}
	// The lock ends with the process; its file stays.
	s := &state{lock: flock.New(filepath.Join(r.State, stateLock)), recorded: map[string]place{}, redo: r.Failed}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if ok, err := s.lock.TryLock(); err != nil {
		return nil, fmt.Errorf("cannot lock the state: %w", err)
	} else if !ok {
		return nil, fmt.Errorf("%w: another etcdmod is at work with the state in %s", ErrUsage, r.State)
	}
	s.scratch = scratch{log: &s.stateLog, patience: 3 * time.Second}
	begun, err := s.read(filepath.Join(r.State, stateJournal))
	if err != nil {
		return nil, err
	}
	now := &stateRun{Tool: version.Version, Shard: r.Shard, Modules: len(r.tree.Modules), Settings: r.index.Source.Settings}
	if err := r.fits(begun, now, len(s.recorded)); err != nil {
		return nil, err
	}
	if err := s.begin(r.State, begun == nil, now); err != nil {
		return nil, fmt.Errorf("cannot write the state: %w", err)
	}
	return s, nil
}

// apart makes sure that the state is not in the output, which is emptied, nor the other way
// round.
func (r *run) apart() error {
	if r.Out == "" {
		return nil
	}
	if within(realDir(r.State), realDir(r.Out)) || within(realDir(r.Out), realDir(r.State)) {
		return fmt.Errorf("%w: the state in %s and the output in %s have to be in directories of their own", ErrUsage, r.State, r.Out)
	}
	return nil
}

// within reports whether a directory is at or below another one.
func within(dir, top string) bool {
	rel, err := filepath.Rel(top, dir)
	return err == nil && filepath.IsLocal(rel)
}

// read opens the journal, if there is one, and returns the run that it is about.
func (s *state) read(name string) (begun *stateRun, err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s: %w", ErrUsage, name, errDamaged)
	}
	if s.file, err = os.OpenFile(name, os.O_RDWR, 0); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("cannot open the state: %w", err)
	}
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	s.size, err = scanState(io.NewSectionReader(s.file, 0, info.Size()), func(rec *stateRecord, at, size int64) error {
		switch {
		case rec.Run != nil:
			begun = rec.Run
		case rec.Scratch != "":
			s.scratch.old = append(s.scratch.old, rec.Scratch)
		case rec.Module != nil:
			s.recorded[rec.Module.Result.Dir] = place{at, size, rec.Module.Sum, rec.Module.Result.State == Failed}
		}
		return nil
	})
	if errors.Is(err, errDamaged) {
		return nil, fmt.Errorf("%w: %s: %w", ErrUsage, name, err)
	}
	return begun, err
}

// fits reports why one does not go on with a recorded run, or begin one.
func (r *run) fits(begun, now *stateRun, done int) error {
	switch {
	case begun == nil && r.Failed:
		return fmt.Errorf("%w: no run is recorded in %s, so nothing has failed; leave out -failed", ErrUsage, r.State)
	case begun == nil:
		return nil
	case !r.Resume && !r.Failed:
		return fmt.Errorf("%w: a run with %d of %d modules done is recorded in %s; -resume goes on with it, -failed also repeats what failed; a new run needs another directory",
			ErrUsage, done, begun.Modules, r.State)
	}
	differ := begun.Settings.differences(now.Settings)
	if begun.Tool != now.Tool {
		differ = append(differ, fmt.Sprintf("etcdmod: %s, %s", begun.Tool, now.Tool))
	}
	if begun.Shard != now.Shard {
		differ = append(differ, fmt.Sprintf("-shard: %s, %s", orUnset(begun.Shard.String()), orUnset(now.Shard.String())))
	}
	if len(differ) > 0 {
		return fmt.Errorf("%w: the run that is recorded in %s has other settings (recorded, now); its results would not be like the rest: give the same, or another directory\n\t%s",
			ErrUsage, r.State, strings.Join(differ, "\n\t"))
	}
	return nil
}

// begin makes the journal ready to be appended to, and clears away what killed runs left.
func (s *state) begin(dir string, first bool, now *stateRun) (err error) {
	if s.file == nil {
		if s.file, err = os.OpenFile(filepath.Join(dir, stateJournal), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666); err != nil {
			return err
		}
	}
	if err := errors.Join(s.file.Truncate(s.size), s.file.Sync()); err != nil {
		return err
	}
	if first {
		if err := s.append(&stateRecord{Run: now}); err != nil {
			return err
		}
		syncDir(dir)
	}
	s.scratch.sweep()
	return s.scratch.make()
}

// syncDir makes the names in a directory durable, on systems that have that.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// close gives everything up but the journal.
func (s *state) close() {
	if s == nil {
		return
	}
	s.scratch.close()
	if s.file != nil {
		s.file.Close()
	}
	_ = s.lock.Close()
}

// take returns the recorded result of a module, nil if it has to be done, and the checksum of
// what its result depends on now.
func (s *state) take(dir string, i int) (kept *stateModule, again Again, sum string, err error) {
	sum = s.sums.module(i)
	at, ok := s.recorded[dir]
	switch {
	case !ok:
		return nil, "", sum, nil
	case at.sum != sum:
		return nil, AgainChanged, sum, nil
	case at.failed && s.redo:
		return nil, AgainFailed, sum, nil
	}
	if kept, err = s.module(at.at, at.size); err != nil {
		return nil, "", "", fmt.Errorf("cannot read the state: %w", err)
	}
	return kept, "", sum, nil
}

// units are the files of a recorded module.
func (m *stateModule) units() (out []unitFiles) {
	for i := 0; i+1 < len(m.Files); i += 2 {
		patch, text := m.Files[i], m.Files[i+1]
		out = append(out, unitFiles{patch.Name, patch.Content, text.Name, text.Content})
	}
	return out
}

// put records a finished module.
func (s *state) put(m *Module, units []unitFiles, sum string) error {
	rec := &stateModule{Sum: sum, Result: *m, Seconds: m.Seconds}
	for _, u := range units {
		rec.Files = append(rec.Files, stateFile{u.patch, u.diff}, stateFile{u.description, u.text})
	}
	if err := s.append(&stateRecord{Module: rec}); err != nil {
		return fmt.Errorf("cannot write the state: %w", err)
	}
	return nil
}
