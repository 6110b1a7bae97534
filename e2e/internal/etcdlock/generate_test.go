// Package etcdlock_test keeps the copy of the generated helper that the tests of this
// module run against real servers in step with the templates.
package etcdlock_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"etcdmod/internal/helper"
	"etcdmod/internal/version"
)

//go:generate go test . -run=TestCopyIsInStepWithTheTemplates -update

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

func TestCopyIsInStepWithTheTemplates(t *testing.T) {
	files, err := helper.Generate(helper.Config{
		Package:     "etcdlock",
		Concurrency: "go.etcd.io/etcd/client/v3/concurrency",
		Version:     version.Version,
		Clocks:      true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the templates give (%v): run go generate in this directory", name, err)
		}
	}
}
