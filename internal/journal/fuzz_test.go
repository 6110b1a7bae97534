package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"etcdmod/internal/vouch"
)

// Whatever a journal says, with a right key or without, a recovery is done in time and writes
// nothing but what the journal may name: nothing outside of the tree, and nothing in a git
// directory.
func FuzzRecover(f *testing.F) {
	f.Setenv(vouch.Variable, f.TempDir())
	key, err := vouch.New(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	line := func(payload []byte) string {
		return fmt.Sprintf("%s%s %s %s\n", magic, key.ID(), key.Sum(payload), payload)
	}
	sum := sum([]byte("module m\n"))
	for _, path := range []string{"go.mod", "../outside", ".git/HEAD", "a/../../outside", "/etc/x", ".GIT/HEAD", "link/x", Name, "a.go"} {
		prepared := fmt.Appendf(nil, `{"state":"prepare","files":[{"path":%q,"temp":".etcdmod-0123456789abcdef-0.new","undo":".etcdmod-0123456789abcdef-0.old","old":%q,"new":%q}],"dirs":["x","../y"]}`, path, sum, sum)
		f.Add(bytes.Join([][]byte{prepared, []byte(`{"state":"commit"}`), []byte(`{"state":"undo","written":[0]}`)}, []byte("\n")), true)
		f.Add(prepared, true)
	}
	f.Add([]byte(magic+"0123456789abcdef 00 {}\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, signed bool) {
		top := t.TempDir()
		root := filepath.Join(top, "tree")
		for name, content := range map[string]string{"tree/go.mod": "module m\n", "tree/a.go": "package a\n", "tree/.git/HEAD": "ref: x\n", "outside": "module m\n"} {
			name = filepath.Join(top, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("..", filepath.Join(root, "link")); err != nil {
			t.Fatal(err)
		}
		if signed {
			var lines []byte
			for payload := range bytes.SplitSeq(text, []byte("\n")) {
				lines = append(lines, line(payload)...)
			}
			text = lines
		}
		if err := os.WriteFile(filepath.Join(root, Name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		before := snap(t, top)
		begun := time.Now()
		_, err := Recover(root)
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s", took)
		}
		after := snap(t, top)
		for _, name := range []string{"outside", "tree/.git/HEAD", "tree/link"} {
			if before[name] != after[name] {
				t.Errorf("%s was %q, is %q (%v)", name, before[name], after[name], err)
			}
		}
		for name := range after {
			if before[name] == "" && filepath.Dir(name) == "." {
				t.Errorf("%s is new", name)
			}
		}
	})
}
