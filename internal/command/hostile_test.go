package command_test

import (
	"slices"
	"testing"

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
