// Package shapes_test runs the ways in which real code polls etcd locks against a real
// server: one program, testdata/module, with a function for each, as it is and as the
// etcdmod binary rewrites it in each tier. What is demanded of the rewritten program is
// what the original did in the same test, and no more raft entries while a lock is held.
package shapes_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// versions are what testdata/module is rewritten to: by name, the arguments of etcdmod.
var versions = map[string][]string{
	"original": nil,
	guard:      {"apply", "-tier=guard"},
	gate:       {"apply", "-tier=gate"},
	collapse:   {"apply"},
	"lock":     {"apply", "-strategy=lock"},
}

// bins are the programs, and reports what etcdmod said of them, by version.
var bins, reports = map[string]string{}, map[string][]finding{}

// A finding is a line of etcdmod's report.
type finding struct{ Type, Rule, Func, Tier string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "shapes")
	if err == nil {
		err = build(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	tool := filepath.Join(dir, "etcdmod")
	if _, err := command(filepath.Join("..", ".."), "go", "build", "-o", tool, "./cmd/etcdmod"); err != nil {
		return err
	}
	for version, args := range versions {
		src := filepath.Join(dir, "src", version)
		if err := os.CopyFS(src, os.DirFS(filepath.Join("testdata", "module"))); err != nil {
			return err
		}
		if args != nil {
			out, err := command(src, tool, append(args, "-json")...)
			var exit *exec.ExitError
			if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) { // there are refusals
				return err
			}
			for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
				var f finding
				if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
					return err
				}
				reports[version] = append(reports[version], f)
			}
		}
		bins[version] = filepath.Join(dir, version)
		if _, err := command(src, "go", "build", "-o", bins[version], "."); err != nil {
			return err
		}
	}
	return nil
}

// command runs a command outside any workspace, and returns its output.
func command(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "GOWORK=off"), &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out, err
}
