package rollout

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"etcdmod/internal/rooted"
	"etcdmod/internal/vouch"
)

// Vouched returns nil if a run of this user has written the index, with the patches and texts
// that it names. Otherwise it returns why that is not known.
func (x *Index) Vouched() error { return x.unvouched }

// Vouches signs a text with the key of the results. It returns "" where there is no key.
func (x *Index) Vouches(text string) string {
	if x.key == nil {
		return ""
	}
	return x.key.Sum([]byte(text))
}

// readTimes reads TimesFile.
func readTimes(d *rooted.Dir) (t times, err error) {
	data, err := d.ReadFile(TimesFile, rooted.Patch)
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	return t, err
}

// findKey returns the key that an output directory names, if it is one of this user.
func findKey(d *rooted.Dir) (v voucher, key *vouch.Key, err error) {
	t, err := readTimes(d)
	if err != nil {
		return v, nil, err
	}
	key, err = vouch.Find(t.Vouched.Key, d.Name())
	return t.Vouched, key, err
}

// trace settles whether the index in a directory is vouched for.
func (x *Index) trace(d *rooted.Dir) {
	v, key, err := findKey(d)
	if err != nil {
		if x.unvouched = err; !errors.Is(err, vouch.ErrUnknown) {
			x.unvouched = fmt.Errorf("%w: %w", vouch.ErrUnknown, err)
		}
		return
	}
	data, err := d.ReadFile(IndexFile, rooted.Index)
	if err != nil {
		x.unvouched = err
		return
	}
	list, err := x.manifest(d, data)
	switch {
	case err != nil:
		x.unvouched = err
	case !key.Vouches(v.Sum, list):
		x.unvouched = errors.New("something was changed in it after the run that has written it")
	default:
		x.key = key
	}
}

// finish writes the index, and before it how long what took and what vouches for both: the
// index says that all is there.
func (o *output) finish(x *Index, t times) error {
	t.Vouched = voucher{}
	if x.key != nil {
		var text bytes.Buffer
		if err := x.JSON(&text); err != nil {
			return err
		}
		list, err := x.manifest(o.dir, text.Bytes())
		if err != nil {
			return &outputError{err}
		}
		t.Vouched = voucher{x.key.ID(), x.key.Sum(list)}
	}
	if err := o.create(TimesFile, func(w io.Writer) error { return writeJSON(w, t) }); err != nil {
		return err
	}
	return o.index(x)
}

// manifest lists the files that results consist of, with their checksums.
func (x *Index) manifest(d *rooted.Dir, index []byte) (list []byte, err error) {
	list = fmt.Appendf(nil, "%x\n", sha256.Sum256(index))
	for _, m := range x.Modules {
		for _, u := range m.Units {
			for _, name := range []string{u.Patch, u.Description} {
				if name == "" {
					continue
				}
				data, e := d.ReadFile(name, rooted.Patch)
				err = errors.Join(err, e)
				list = fmt.Appendf(list, "%x %s\n", sha256.Sum256(data), name)
			}
		}
	}
	return list, err
}
