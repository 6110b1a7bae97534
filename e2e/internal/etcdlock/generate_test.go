// Package etcdlock_test keeps the copies of the generated helper that the tests of this
// module run against real servers in step with the templates: the one of this directory,
// and one that never reads the holder again while its watch is silent. There a wake-up
// that is lost stays lost.
package etcdlock_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
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
		Parts:       helper.All,
		Earlier:     true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for base, want := range files {
		inStep(t, base, want)
		once := bytes.Replace(want, []byte("firstReread = time.Second "), []byte("firstReread = time.Hour   "), 1)
		if base == helper.WatchFile && bytes.Equal(once, want) {
			t.Error("the templates have no first read again")
		}
		inStep(t, filepath.Join("..", "withoutrereads", base), once)
	}
}

func inStep(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the templates give (%v): run go generate in this directory", name, err)
	}
}
