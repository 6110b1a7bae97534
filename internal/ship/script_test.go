package ship_test

import (
	"flag"
	"testing"

	"etcdmod/internal/testkit/script"
)

var _ = flag.Bool("update", false, "rewrite the expected output in testdata/script/rollout")

// TestScripts runs testdata/script/rollout/*.txtar: rollouts from the first look to the
// branches, and the files in deploy.
func TestScripts(t *testing.T) { script.Run(t, "testdata/script/rollout") }
