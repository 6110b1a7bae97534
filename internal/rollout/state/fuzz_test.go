package state

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"etcdmod/internal/appendlog"
	"etcdmod/internal/vouch"
)

// Whatever a state holds, even with the right key, it is opened in time, and to open it writes and
// removes nothing outside of its directory but scratch directories by their own names.
func FuzzOpen(f *testing.F) {
	f.Setenv(vouch.Variable, f.TempDir())
	run := `{"run":{"tool":"v1","modules":3,"settings":{"-by":"dir"}}}`
	f.Add([]byte(run+"\n"+`{"scratch":"../victim"}`+"\n"+`{"module":{"dir":"a","sum":"1","files":[{"name":"../../x"}]}}`), true)
	f.Add([]byte(run+"\n"+`{"scratch":"/"}`+"\n"+`{"scratch":"VICTIM"}`), true)
	f.Add([]byte(mark+" 00 {}\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, signed bool) {
		top := t.TempDir()
		tmp, dir, victim := filepath.Join(top, "tmp"), filepath.Join(top, "state"), filepath.Join(top, "victim")
		for _, d := range []string{tmp, victim} {
			if err := os.Mkdir(d, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(victim, "kept"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", tmp)
		now := Run{Tool: "v1", Modules: 3, Settings: Settings{"-by": "dir"}}
		s, err := Open(dir, now, Options{})
		if err != nil {
			t.Fatal(err)
		}
		format := appendlog.Format{Mark: mark, Key: s.key}
		s.Close()
		text = bytes.ReplaceAll(text, []byte("VICTIM"), []byte(victim))
		if signed {
			var lines []byte
			for payload := range bytes.SplitSeq(text, []byte("\n")) {
				lines = append(lines, mark+" "+format.Key.Sum(payload)+" "...)
				lines = append(append(lines, payload...), '\n')
			}
			text = lines
		}
		if err := os.WriteFile(filepath.Join(dir, logFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if s, err = Open(dir, now, Options{Resume: true}); err == nil {
			for name, at := range s.recorded {
				_, _, _ = s.Take(name, at.sum)
			}
			s.Close()
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%s", took)
		}
		if _, err := os.Stat(filepath.Join(victim, "kept")); err != nil {
			t.Error(err)
		}
		list, err := os.ReadDir(top)
		if err != nil || len(list) != 3 {
			t.Errorf("%v, %v", list, err)
		}
	})
}
