// Package vouch tells records that this user's runs have written from those that came with a
// tree.
//
// It gives a key for a record, such as a journal in a tree or in a directory of results, that
// is kept elsewhere: in the directory that $ETCDMOD_KEYS names, else in the
// user's cache directory, else in one of the user's own among the temporary files. Whoever
// can only write into the tree has no key, and whatever he writes carries no right sum. It
// never tells what is in a record.
package vouch

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// Variable names the environment variable with the directory of the keys. Machines that go on
// with each other's runs share one, outside of what they check out.
const Variable = "ETCDMOD_KEYS"

// ErrUnknown is wrapped by errors about a record that no key is for.
var ErrUnknown = errors.New("no run of this user has written it on this machine")

// A Key vouches for one record.
type Key struct {
	id     string
	secret []byte
	dir    string // of the keys
}

// A StoreError is that no directory takes or gives keys. It wraps nothing: whoever takes what the
// system said out of an error would put the name of a record before it.
type StoreError struct{ refused []refusal }

// A refusal is a directory that cannot have keys, and why.
type refusal struct {
	dir string
	err error
}

func (e *StoreError) Error() string {
	var dirs []string
	for _, r := range e.refused {
		dirs = append(dirs, fmt.Sprintf("%s (%v)", quote.Name(r.dir), rooted.Cause(r.err)))
	}
	return fmt.Sprintf("keys of records cannot be kept in %s: repair that, or have %s name another directory", strings.Join(dirs, ", nor in "), Variable)
}

var wellFormed = regexp.MustCompile(`^[0-9a-f]{16}$`)

// New makes the key of a record that is about to be begun in a directory, place.
func New(place string) (_ *Key, err error) {
	dir, err := store(place)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var random [8 + 32]byte
	rand.Read(random[:]) // never fails, see crypto/rand
	k := &Key{id: hex.EncodeToString(random[:8]), secret: random[8:], dir: dir.Name()}
	forgetOld(dir)
	f, err := dir.Create(k.id)
	if err == nil {
		err = f.Chmod(0o600)
	}
	if err == nil {
		_, err = f.WriteString(hex.EncodeToString(k.secret) + "\n")
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		_ = dir.Remove(k.id) // half of it vouches for nothing
		return nil, &StoreError{[]refusal{{dir.Name(), err}}}
	}
	dir.Sync()
	return k, nil
}

// Find returns the key with an ID, for a record in a directory, place. The error wraps [ErrUnknown] where there is none.
func Find(id, place string) (*Key, error) {
	if !wellFormed.MatchString(id) {
		return nil, ErrUnknown
	}
	dir, err := store(place)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if info, err := dir.Lstat(id); err == nil && secret(info) != nil {
		return nil, fmt.Errorf("%w: its key %w", ErrUnknown, secret(info))
	}
	data, err := dir.ReadFile(id, rooted.Setting)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	bytes, err := hex.DecodeString(strings.TrimSuffix(string(data), "\n"))
	if err != nil || len(bytes) != 32 {
		return nil, ErrUnknown
	}
	return &Key{id: id, secret: bytes, dir: dir.Name()}, nil
}

// ID names the key; it is no secret.
func (k *Key) ID() string { return k.id }

// Sum is the checksum of data under the key (HMAC-SHA256), in hex. Nobody can make it without the
// key.
func (k *Key) Sum(data []byte) string {
	h := hmac.New(sha256.New, k.secret)
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// Vouches reports whether a sum is that of data.
func (k *Key) Vouches(sum string, data []byte) bool {
	return hmac.Equal([]byte(sum), []byte(k.Sum(data)))
}

// Forget drops the key of a record that is gone.
func (k *Key) Forget() {
	if dir, err := rooted.Open(k.dir); err == nil {
		_ = dir.Remove(k.id)
		dir.Close()
	}
}

// store opens the directory of the keys, which it makes. It belongs to the user alone. The error is
// a [StoreError].
func store(place string) (*rooted.Dir, error) {
	var names []string
	if name := os.Getenv(Variable); name != "" {
		if !filepath.IsAbs(name) {
			return nil, &StoreError{[]refusal{{name, errors.New("its name is relative")}}}
		}
		names = []string{name}
	} else {
		if cache, err := os.UserCacheDir(); err == nil && filepath.IsAbs(cache) {
			names = append(names, filepath.Join(cache, "etcdmod", "keys"))
		}
		names = append(names, filepath.Join(os.TempDir(), fmt.Sprintf("etcdmod-keys-%d", os.Getuid())))
	}
	var refused []refusal
	for _, name := range names {
		dir, err := open(name, place)
		if err == nil {
			return dir, nil
		}
		refused = append(refused, refusal{name, err})
	}
	return nil, &StoreError{refused}
}

// open makes and opens a directory that may be that of the keys.
func open(name, place string) (*rooted.Dir, error) {
	// It is looked at before it is made; what it leads to is only known then.
	if err := apart(name, place); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(private(info), apart(name, place)); err != nil {
		return nil, err
	}
	return rooted.Open(name)
}

// apart reports that the keys are where the records are, in the tree around them: then whoever
// writes there has keys as well.
func apart(keys, place string) error {
	real := func(dir string) string {
		if r, err := filepath.EvalSymlinks(dir); err == nil {
			return r
		}
		return filepath.Clean(dir)
	}
	top := real(place)
	for at := top; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			top = at
			break
		}
	}
	if rel, err := filepath.Rel(top, real(keys)); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("it is within %s, which others write to", quote.Name(top))
	}
	return nil
}

// keptFor is how long the key of a record is kept that nobody has completed.
const keptFor = 180 * 24 * time.Hour

// forgetOld removes the keys of records that nobody goes on with any more.
func forgetOld(dir *rooted.Dir) {
	list, _ := dir.ReadDir(".")
	for _, e := range list {
		if info, err := dir.Lstat(e.Name()); err == nil && wellFormed.MatchString(e.Name()) && time.Since(info.ModTime()) > keptFor {
			_ = dir.Remove(e.Name())
		}
	}
}
