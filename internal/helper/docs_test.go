package helper_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"etcdmod/internal/helper"
)

// The page for reviewers names a test for each claim. Those tests exist.
func TestDocsNameTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/HELPER.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, dir := range []string{"../../e2e", "."} {
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			src, err := os.ReadFile(path)
			for _, m := range declaration.FindAllSubmatch(src, -1) {
				declared[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	names := regexp.MustCompile("`(Test\\w+)(\\.\\.\\.)?`").FindAllStringSubmatch(string(page), -1)
	if len(names) == 0 {
		t.Fatal("the page names no test")
	}
	for _, n := range names {
		found := declared[n[1]]
		for name := range declared {
			found = found || n[2] != "" && strings.HasPrefix(name, n[1])
		}
		if !found {
			t.Errorf("no test is called %s", n[0])
		}
	}
}

// Whoever approves the package reads all of it.
func TestFilesStaySmall(t *testing.T) {
	files, err := helper.Generate(helper.Config{Package: "etcdlock", Concurrency: "go.etcd.io/etcd/client/v3/concurrency", Version: "v1.0.0", Parts: helper.Clocks})
	if err != nil {
		t.Fatal(err)
	}
	for name, most := range map[string]int{helper.MutexFile: 260, helper.WatchFile: 260, helper.ClocksFile: 160} {
		if n := bytes.Count(files[name], []byte("\n")); n == 0 || n > most {
			t.Errorf("%s has %d lines, and at most %d are promised", name, n, most)
		}
	}
}
