package command_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"etcdmod/internal/command"
	"etcdmod/internal/testkit/script"
)

// TestHostileScripts runs testdata/script/hostile/*.txtar: what a repository, a state, a
// result or the environment may hold to run, write, read or deceive, or to make a failure
// look clean.
func TestHostileScripts(t *testing.T) { script.Run(t, "testdata/script/hostile") }

// Every flag is one that a file may set or one that it may not, and none is both.
func TestSettingsOfFiles(t *testing.T) {
	for _, name := range command.EditFlags() {
		_, not := command.CommandLineOnly[name]
		if may := slices.Contains(command.FileKeys, name); may == not {
			t.Errorf("-%s: a file may set it: %v, may not: %v", name, may, not)
		}
	}
}

// Whatever a settings file holds, it is read in time, and sets nothing but what a file may set.
func FuzzSettings(f *testing.F) {
	f.Add([]byte("tier: gate\nconfig: [linux/amd64, 'tags=a']\n"))
	f.Add([]byte("test: true\n"))
	f.Add([]byte("<<: &a {test: true}\nTEST: *a\n"))
	f.Add([]byte("tier: " + strings.Repeat("[", 1<<14)))
	f.Add([]byte("a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: &d [*c,*c,*c]\ntags: *d\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		begun := time.Now()
		keys, err := command.ParseConfig(text)
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s", took)
		}
		if err != nil {
			return
		}
		for _, key := range keys {
			if !slices.Contains(command.FileKeys, key) {
				t.Errorf("%q sets %q", text, key)
			}
		}
	})
}
