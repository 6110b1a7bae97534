// Package scratch is the one directory in which a run keeps its temporary files, and those of the
// commands that it starts.
//
// It takes the directory for temporary files and the place where the run works, and gives a new one
// below it that is the run's as long as its process lives. Runs in one place have one name there, unless
// they are at once: the go command's build cache knows packages by their directories. Whatever ends that, the next run of the same user removes what is
// left. It never removes what a living run has, what is another user's, or what has another name.
package scratch

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/gofrs/flock"

	"etcdmod/internal/procgroup"
	"etcdmod/internal/rooted"
)

// prefix begins the names. They are short, since tests make sockets below such a directory, whose
// paths may not be long.
const prefix = "etcdmod-run-"

var form = regexp.MustCompile(`^` + prefix + `[0-9a-f]{16}$`)

// lockFile is locked as long as the process lives. It is the first file of a directory, and the
// last one to go: what has none is about to be made, or to go.
const lockFile = "lock"

// A Dir is such a directory.
type Dir struct {
	name  string // absolute
	above *rooted.Dir
	lock  *flock.Flock
}

// New makes a directory below one for temporary files, for a run that works in place. It removes the
// directories of runs that ended without removing their own.
func New(above, place string) (*Dir, error) {
	above, err := filepath.Abs(above)
	if err != nil {
		return nil, err
	}
	parent, err := rooted.Open(above)
	if err != nil {
		return nil, err
	}
	sweep(parent)
	for base, again := usual(place), true; ; base, again = unused(), false {
		name := parent.Path(base)
		if err = os.Mkdir(name, 0o700); again && errors.Is(err, fs.ErrExist) {
			continue // another run has it, or somebody else
		} else if err != nil {
			break
		}
		lock := flock.New(filepath.Join(name, lockFile))
		taken := false
		if taken, err = lock.TryLock(); taken && holds(lock, name) {
			return &Dir{name, parent, lock}, nil
		}
		// Whoever sweeps may take a directory whose lock nobody has yet for one that was left. Then the lock is not there,
		// or somebody else's, or it was: what is locked has no name any more.
		_ = lock.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			_ = os.RemoveAll(name) // a file system without locks
			break
		}
	}
	parent.Close()
	return nil, err
}

func unused() string {
	var id [8]byte
	rand.Read(id[:]) // never fails, see crypto/rand
	return prefix + hex.EncodeToString(id[:])
}

// Name returns the absolute name.
func (d *Dir) Name() string { return d.name }

// patience is how long to wait for commands that were told to end and may still write.
const patience = 3 * time.Second

// Remove removes the directory with all that is in it. It also removes what is left of runs that
// had been killed when this one began: until then, their commands may have gone on writing.
func (d *Dir) Remove() {
	defer d.above.Close()
	base := filepath.Base(d.name)
	if gone := unused(); os.Rename(d.name, d.above.Path(gone)) == nil {
		base = gone // the next run may have the name
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		_ = d.lock.Unlock() // some systems remove no file that is open
		if empty(d.above, base) == nil && !sweep(d.above) {
			return
		}
	}
}

// sweep removes the directories that no living process has. It reports whether one of them resists,
// as where somebody still writes into it.
func sweep(above *rooted.Dir) (resists bool) {
	list, _ := above.ReadDir(".")
	for _, e := range list {
		if form.MatchString(e.Name()) && e.IsDir() && !remove(above, e.Name()) {
			resists = true
		}
	}
	return resists
}

// remove removes a directory, unless somebody has its lock. It gets another name before: whoever
// is about to lock it finds nothing then, and takes another one. It reports whether no more is to be done.
func remove(above *rooted.Dir, base string) bool {
	if info, err := above.Lstat(base); err != nil || !own(info) {
		return true
	}
	name := above.Path(base)
	if !locked(name) {
		// It is about to be made, or commands of a run that was killed have made it again, since they lived on while it
		// was removed. A run's own has a lock before anything else.
		if os.Remove(name) == nil || locked(name) {
			return true
		}
		procgroup.EndIn(name)
		return os.Remove(name) == nil || locked(name) || empty(above, base) == nil
	}
	lock := flock.New(filepath.Join(name, lockFile), flock.SetFlag(os.O_RDONLY))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return true
	}
	defer lock.Close()
	if !holds(lock, name) {
		return true // its owner has removed it meanwhile, and another run has the name
	}
	procgroup.EndIn(name)
	gone := unused()
	if err := os.Rename(name, above.Path(gone)); err != nil {
		return true
	}
	return empty(above, gone) == nil
}

// locked reports whether a directory has a file that can be locked.
func locked(name string) bool {
	_, err := os.Lstat(filepath.Join(name, lockFile))
	return err == nil
}

// holds reports whether a lock is that of the directory which has the name now.
func holds(lock *flock.Flock, name string) bool {
	mine, err := lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(filepath.Join(name, lockFile))
	return err == nil && os.SameFile(mine, there)
}

// empty removes a directory, its lock last.
func empty(above *rooted.Dir, base string) error {
	list, _ := above.ReadDir(base)
	for _, e := range list {
		if e.Name() != lockFile {
			if err := above.RemoveAll(filepath.Join(base, e.Name())); err != nil {
				return err
			}
		}
	}
	return above.RemoveAll(base)
}
