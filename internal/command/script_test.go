package command_test

import (
	"flag"
	"path"
	"testing"

	"etcdmod/internal/testkit/script"
	"etcdmod/rewrite"
)

var _ = flag.Bool("update", false, "rewrite the expected output in testdata/script and testdata/rule")

func TestMain(m *testing.M) { script.Main(m) }

// TestScripts runs testdata/script/*.txtar. Those in the directories below it are about what
// other packages do, and run there.
func TestScripts(t *testing.T) { script.Run(t, "testdata/script") }

// TestRuleScripts runs testdata/rule/*/*.txtar in the same way: each rule has a folder
// with the code that its documentation shows, and what else it finds and leaves alone.
func TestRuleScripts(t *testing.T) {
	for _, r := range rewrite.Rules {
		t.Run(r.ID, func(t *testing.T) { script.Run(t, path.Join("testdata/rule", r.ID)) })
	}
}
