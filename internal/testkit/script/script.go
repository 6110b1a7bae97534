// Package script runs testscripts whose expected output is what a user sees.
//
// It takes a directory of testdata/script or testdata/rule, and runs each archive in it with
// the command line of etcdmod as a process of its own. It is for tests alone, and several
// packages use it, each for the scripts about its own work.
//
// Commands beside those of testscript:
//
//	client              write a go.mod and go.sum that require the real etcd client
//	fork dir [old new]  copy that client's package concurrency, with old replaced by new
//	proxy               use the modules in testdata/proxy, and no others, from here on
//	sums                write the go.sum that the go.mod needs
//	code N cmd args...  run a command and demand exit code N
//	apply-patch file    git apply --check, git apply, git apply -R --check of a patch
//	crlf file           give a file CRLF line ends
//	snapshot            remember the files below the current directory
//	unchanged           demand that they are as at the last snapshot, and no others
//	await file          wait until a file exists
//	texts dir           demand that the texts of units in the output of a rollout are true
//	ended file          demand that the process whose number is in a file has ended
//	yaml-text out file way
//	                    write a text that a YAML file has somewhere into a file
//
// $BIN holds etcdmod and no other command. $DEPLOY is the directory deploy of this repository,
// and $FIRST has the helper that version 0.1.0 generated.
//
// The condition [permissions] says that file permissions bind this user, as they do not bind root;
// .ci/unprivileged runs the tests of packages for another one.
package script

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/goproxytest"
	"github.com/rogpeppe/go-internal/testscript"
)

// Main runs the tests of a package, whose TestMain calls it, with etcdmod in PATH.
func Main(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"etcdmod": func() { os.Exit(process()) },
	})
}

// Run runs the scripts in a directory, named from the root of this repository. Where the
// package has a flag -update and it is set, their expected output is rewritten. What they
// do is held against testdata/behaviour as well, so that no change passes unseen.
func Run(t *testing.T, dir string) {
	t.Helper()
	root := root(t)
	keep := map[string]string{}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOTOOLCHAIN"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		keep[name] = strings.TrimSpace(string(out))
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.WriteFile(closed, nil, 0); err != nil {
		t.Fatal(err)
	}
	proxy := goproxytest.NewTestServer(t, filepath.Join(root, "testdata", "proxy"), "")
	update := flag.Lookup("update")
	records, homes := t.TempDir(), t.TempDir()
	t.Cleanup(func() { lock(t, root, dir, records) })
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(root, filepath.FromSlash(dir)),
		UpdateScripts:       update != nil && update.Value.String() == "true",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for name, value := range keep {
				env.Setenv(name, value)
			}
			name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
			env.Setenv(recordTo, filepath.Join(records, name))
			// Home is not there until something is kept in it, as in many containers; and it is
			// where whoever runs the tests may make it.
			env.Setenv("HOME", filepath.Join(homes, name))
			env.Setenv("GOENV", "off")
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
			env.Setenv("EXAMPLE", filepath.Join(root, "testdata", "example"))
			env.Setenv("DEPLOY", filepath.Join(root, "deploy"))
			env.Setenv("FIRST", filepath.Join(root, "e2e", "internal", "firstedition"))
			env.Setenv("PROXY", proxy.URL)
			env.Setenv("BIN", filepath.SplitList(env.Getenv("PATH"))[0])
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "permissions" {
				_, err := os.ReadFile(closed)
				return err != nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"client":      cmdClient,
			"fork":        cmdFork,
			"proxy":       cmdProxy,
			"sums":        cmdSums,
			"code":        cmdCode,
			"apply-patch": cmdApplyPatch,
			"crlf":        cmdCRLF,
			"snapshot":    cmdSnapshot,
			"unchanged":   cmdUnchanged,
			"edit":        cmdEdit,
			"overwrite":   cmdOverwrite,
			"await":       cmdAwait,
			"texts":       cmdTexts,
			"ended":       cmdEnded,
			"yaml-text":   cmdYAMLText,
		},
	})
}

// root returns the root of this repository, which has the go.work.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.work above the test")
		}
		dir = up
	}
}

// cmdClient makes the current directory a module named example.com/app.
func cmdClient(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(ts.Getenv("EXAMPLE"), name))
		ts.Check(err)
		data = bytes.Replace(data, []byte("module example.com/standby"), []byte("module example.com/app"), 1)
		ts.Check(os.WriteFile(ts.MkAbs(name), data, 0o644))
	}
}

func cmdFork(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: fork dir [old new]")
	}
	list := exec.Command("go", "list", "-f", "{{.Dir}}{{range .GoFiles}}\n{{.}}{{end}}", "go.etcd.io/etcd/client/v3/concurrency")
	list.Dir = ts.MkAbs(".")
	out, err := list.Output()
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o777))
	names := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, name := range names[1:] {
		data, err := os.ReadFile(filepath.Join(names[0], name))
		ts.Check(err)
		if len(args) == 3 {
			data = bytes.ReplaceAll(data, []byte(args[1]), []byte(args[2]))
		}
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), name), data, 0o666))
	}
}

func cmdProxy(ts *testscript.TestScript, neg bool, args []string) {
	for name, value := range map[string]string{
		"GOPROXY":    ts.Getenv("PROXY"),
		"GOSUMDB":    "off",
		"GONOSUMDB":  "",
		"GOFLAGS":    "-modcacherw", // or the directory of the script cannot be removed
		"GOMODCACHE": filepath.Join(ts.Getenv("WORK"), ".modcache"),
	} {
		ts.Setenv(name, value)
	}
}

func cmdSums(ts *testscript.TestScript, neg bool, args []string) {
	gomod := ts.ReadFile("go.mod")
	ts.Check(ts.Exec("go", "list", "-mod=mod", "-deps", "-test", "./..."))
	ts.Check(os.WriteFile(ts.MkAbs("go.mod"), []byte(gomod), 0o666)) // the go command formats it
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var ee *exec.ExitError
		if !errors.As(err, &ee) {
			ts.Fatalf("%v", err)
		}
		got = ee.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func cmdApplyPatch(ts *testscript.TestScript, neg bool, args []string) {
	file := ts.MkAbs(args[0])
	for _, flags := range [][]string{{"--check"}, {}, {"-R", "--check"}} {
		ts.Check(ts.Exec("git", append(append([]string{"apply"}, flags...), file)...))
	}
}

func cmdCRLF(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		data, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		ts.Check(os.WriteFile(ts.MkAbs(name), data, 0o644))
	}
}

// tree describes the files below the current directory: names, modes and content. It
// leaves out what testscript and the go command keep there.
func tree(ts *testscript.TestScript) string {
	var b strings.Builder
	root := ts.MkAbs(".")
	ts.Check(filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); d.IsDir() && (base == ".tmp" || base == ".modcache" || base == ".git") {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, name)
		fmt.Fprintf(&b, "%s %v", filepath.ToSlash(rel), info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", data)
		}
		b.WriteString("\n")
		return nil
	}))
	return b.String()
}

func snapshotFile(ts *testscript.TestScript) string {
	return filepath.Join(ts.Getenv("WORK"), ".tmp", "snapshot")
}

func cmdSnapshot(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.WriteFile(snapshotFile(ts), []byte(tree(ts)), 0o666))
}

func cmdUnchanged(ts *testscript.TestScript, neg bool, args []string) {
	now := map[string]bool{}
	for line := range strings.Lines(tree(ts)) {
		now[line] = true
	}
	for line := range strings.Lines(ts.ReadFile(snapshotFile(ts))) {
		if !now[line] {
			ts.Fatalf("no longer: %s", line)
		}
		delete(now, line)
	}
	for line := range now {
		ts.Fatalf("new: %s", line)
	}
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if data, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && len(data) > 0 {
			return
		}
	}
	ts.Fatalf("%s did not appear", args[0])
}

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	var pid int
	_, err := fmt.Sscan(ts.ReadFile(args[0]), &pid)
	ts.Check(err)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		p, err := os.FindProcess(pid)
		if err != nil || p.Signal(syscall.Signal(0)) != nil {
			return
		}
	}
	ts.Fatalf("process %d goes on", pid)
}
