package modbump_test

import (
	"testing"

	"etcdmod/internal/testkit/script"
)

func TestMain(m *testing.M) { script.Main(m) }

// TestScripts runs testdata/script/bump/*.txtar: what a user sees of the policy.
func TestScripts(t *testing.T) { script.Run(t, "testdata/script/bump") }
