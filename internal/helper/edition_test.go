package helper_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"etcdmod/internal/helper"
)

// firstEdition is what version 0.1.0 generated, kept for the tests that compare with it.
const firstEdition = "../../e2e/internal/firstedition"

func TestJudge(t *testing.T) {
	const version = "v0.2.0"
	files, err := helper.Generate(helper.Config{Package: "locks", Concurrency: "go.etcd.io/etcd/client/v3/concurrency", Version: version, Parts: helper.All, Earlier: true})
	if err != nil {
		t.Fatal(err)
	}
	is := func(what, name string, src []byte, want helper.State) {
		t.Helper()
		if got := helper.Judge(name, src, version); got != want {
			t.Errorf("%s, %s: %v, want %v", what, name, got, want)
		}
	}
	replaced := func(src []byte, old, new string) []byte {
		out := bytes.Replace(src, []byte(old), []byte(new), 1)
		if bytes.Equal(out, src) {
			t.Fatalf("there is no %q", old)
		}
		return out
	}
	for name, src := range files {
		is("generated", name, src, helper.Current)
		is("with other line ends", name, bytes.ReplaceAll(src, []byte("\n"), []byte("\r\n")), helper.Current)
		is("the same templates in an earlier version", name, replaced(src, version, "v0.1.9"), helper.Current)
		is("edited", name, replaced(src, "\nfunc ", "\n\nfunc "), helper.Edited)
		newer := replaced(replaced(src, version, "v0.3.0"), "\nfunc ", "\n\nfunc ")
		is("newer", name, newer, helper.Newer)
		is("somebody's", name, []byte("package locks\n"), helper.Foreign)
	}
	for _, name := range []string{helper.MutexFile, helper.ClocksFile} {
		src, err := os.ReadFile(filepath.Join(firstEdition, name))
		if err != nil {
			t.Fatal(err)
		}
		is("the first edition", name, src, helper.Earlier)
		is("the first edition under another name", name, replaced(src, "package etcdlock", "package locks"), helper.Earlier)
		is("the first edition, edited", name, append(src, "// mine\n"...), helper.Edited)
	}
}

func TestWorst(t *testing.T) {
	const version = "v0.2.0"
	now, err := helper.Generate(helper.Config{Package: "etcdlock", Concurrency: "go.etcd.io/etcd/client/v3/concurrency", Version: version, Parts: helper.Clocks})
	if err != nil {
		t.Fatal(err)
	}
	if name, state := helper.Worst(now, version); state != helper.Current || name != "" {
		t.Errorf("%s, %v", name, state)
	}
	if _, state := helper.Worst(nil, version); state != helper.Current {
		t.Errorf("of no files: %v", state)
	}
	now[helper.ClocksFile] = append(now[helper.ClocksFile], "// mine\n"...)
	if name, state := helper.Worst(now, version); state != helper.Edited || name != helper.ClocksFile {
		t.Errorf("%s, %v", name, state)
	}
}
