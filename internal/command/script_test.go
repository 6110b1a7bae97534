package command_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"etcdmod/internal/command"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"etcdmod": func() {
			dir, err := os.Getwd()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(command.ExitUsage)
			}
			os.Exit(command.Main(context.Background(), os.Args[1:], command.Env{
				Dir: dir, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			}))
		},
	})
}

// TestScripts runs testdata/script/*.txtar. Their expected output is what a user sees.
//
// Commands beside those of testscript:
//
//	client              write a go.mod and go.sum that require the real etcd client
//	code N cmd args...  run a command and demand exit code N
//	apply-patch file    git apply --check, git apply, git apply -R --check of a patch
//	crlf file           give a file CRLF line ends
func TestScripts(t *testing.T) {
	example, err := filepath.Abs("../../testdata/example")
	if err != nil {
		t.Fatal(err)
	}
	keep := map[string]string{}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOTOOLCHAIN"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		keep[name] = strings.TrimSpace(string(out))
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for name, value := range keep {
				env.Setenv(name, value)
			}
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
			env.Setenv("EXAMPLE", example)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"client":      cmdClient,
			"code":        cmdCode,
			"apply-patch": cmdApplyPatch,
			"crlf":        cmdCRLF,
		},
	})
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

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		ee, ok := err.(*exec.ExitError)
		if !ok {
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
