package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"etcdmod/internal/change"
)

// Random trees, random changes, killed at a random step, with recoveries that are
// killed at random steps: the tree ends as before or as after.
func FuzzKill(f *testing.F) {
	for seed := range uint64(120) {
		f.Add(seed, uint16(seed*7%90), uint16(seed*5%40))
	}
	f.Fuzz(func(t *testing.T, seed uint64, step, again uint16) {
		root := quickRoot(t)
		files, was, is := randomRun(t, root, rand.New(rand.NewPCG(seed, 1)))
		dead := until(func() {
			if err := apply(root, files, killAt(int(step%150))); err != nil {
				t.Fatal(err)
			}
		})
		if dead == nil {
			is.mustEqual(t, snap(t, root))
			return
		}
		var out Outcome
		var err error
		deadAgain := until(func() { out, err = recoverRun(root, killAt(int(again%80))) })
		if err != nil {
			t.Fatal(err)
		}
		if deadAgain != nil {
			if out, err = Recover(root); err != nil {
				t.Fatal(err)
			}
		}
		now := snap(t, root)
		if was.diff(now) != "" && is.diff(now) != "" {
			t.Fatalf("killed at %v, then at %v, then %v:\nto before: %s\n\nto after: %s", *dead, deadAgain, out, was.diff(now), is.diff(now))
		}
		if out.Action == Undone && was.diff(now) != "" || out.Action == Finished && is.diff(now) != "" {
			t.Fatalf("killed at %v, then at %v: %v is not so", *dead, deadAgain, out)
		}
	})
}

// randomRun makes a tree and a change of it, and says what the tree is before and
// after.
func randomRun(t *testing.T, root string, r *rand.Rand) (files []change.Change, was, is snapshot) {
	dirs := []string{"."}
	for i := range r.IntN(4) {
		d := filepath.Join(dirs[r.IntN(len(dirs))], fmt.Sprintf("d%d", i))
		dirs = append(dirs, d)
		if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	content := func() []byte {
		b := make([]byte, r.IntN(3)*r.IntN(5000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	after := map[string]string{}
	var removed []string
	for i := range 1 + r.IntN(12) {
		name := filepath.Join(dirs[r.IntN(len(dirs))], fmt.Sprintf("f%d", i))
		path := filepath.Join(root, name)
		data := content()
		switch r.IntN(5) {
		case 0: // created, sometimes in directories that are not there
			for j := range r.IntN(3) {
				name = filepath.Join(filepath.Dir(name), fmt.Sprintf("n%d", j), filepath.Base(name))
			}
			path = filepath.Join(root, name)
			files = append(files, change.Change{Path: path, New: data, Created: true})
			for d := filepath.Dir(name); d != "."; d = filepath.Dir(d) {
				after[d] = "drwxr-xr-x"
			}
			after[name] = fmt.Sprintf("-rw-r--r-- %q", data)
		case 1: // not part of the run
			put(t, path, string(data), 0o644)
		case 2: // removed
			put(t, path, string(data), 0o644)
			files = append(files, change.Change{Path: path, Old: data, Deleted: true})
			removed = append(removed, name)
		default:
			perm := os.FileMode(0o700 | r.IntN(0o100)) // programs: new files are not like them
			put(t, path, string(data), perm)
			new := content()
			if r.IntN(4) == 0 {
				link := filepath.Join(root, fmt.Sprintf("link%d", i))
				symlink(t, name, link)
				path = link
			}
			files = append(files, change.Change{Path: path, Old: data, New: new})
			after[name] = fmt.Sprintf("%v %q", perm, new)
		}
	}
	was, is = snap(t, root), snap(t, root)
	for name, s := range after {
		is[name] = s
	}
	for _, name := range removed {
		delete(is, name)
	}
	return files, was, is
}
