package verify

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const tested = `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

func A() int { return 1 }
-- a/a_test.go --
package a

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestA(t *testing.T) {
	for _, name := range []string{"testdata/want.txt", "../testdata/want.txt"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := strconv.Itoa(A()); got != strings.TrimSpace(string(data)) {
				t.Errorf("A() = %s, want %s", got, data)
			}
		})
	}
}

func TestWrites(t *testing.T) {
	if err := os.WriteFile("testdata/got.txt", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("locked", 0o500); err != nil {
		t.Fatal(err)
	}
}

func TestOldFailure(t *testing.T) {
	if A() < 3 {
		t.Errorf("A() = %d, want 3", A())
	}
}
-- a/testdata/want.txt --
1
-- testdata/want.txt --
1
-- b/b.go --
package b

func B(n int) int { return 10 / n }
-- b/b_test.go --
package b

import "testing"

func TestB(t *testing.T) {
	if B(2) == 0 {
		t.Error("B(2) = 0")
	}
}
`

func TestTest(t *testing.T) {
	t.Parallel()
	const lock = "-- lock/lock.go --\npackage lock\n"
	for _, test := range []struct {
		name     string
		edits    string
		flags    []string
		unproved []string
		before   int
		want     []string
	}{{
		name:     "a failure that was there before",
		edits:    "-- a/a.go --\npackage a\n\nfunc A() int { return 2 - 1 }\n" + lock,
		unproved: []string{"example.com/m/a"},
		before:   1,
	}, {
		name:     "a test that gets worse",
		edits:    "-- a/a.go --\npackage a\n\nfunc A() int { return 2 }\n",
		unproved: []string{"example.com/m/a"},
		before:   1,
		want: []string{
			"test example.com/m/a a/a_test.go:18: TestA/../testdata/want.txt fails and passed before:",
			"test example.com/m/a a/a_test.go:18: TestA/testdata/want.txt fails and passed before:",
		},
	}, {
		name:  "everything passes",
		edits: "-- b/b.go --\npackage b\n\nfunc B(n int) int { return 20 / n }\n",
	}, {
		name:  "a panic",
		edits: "-- b/b.go --\npackage b\n\nfunc B(n int) int { return 10 / (n - 2) }\n",
		want:  []string{"test example.com/m/b example.com/m/b: TestB fails and passed before:"},
	}, {
		name:  "an exit",
		edits: "-- b/b.go --\npackage b\n\nimport \"os\"\n\nfunc B(n int) int { os.Exit(3); return 1 }\n",
		want:  []string{"test example.com/m/b example.com/m/b: the package fails and passed before:"},
	}, {
		name:  "a timeout",
		edits: "-- b/b.go --\npackage b\n\nimport \"time\"\n\nfunc B(n int) int { time.Sleep(time.Hour); return 1 }\n",
		flags: []string{"-timeout", "500ms"},
		want:  []string{"test example.com/m/b example.com/m/b: the package fails and passed before:"},
	}, {
		name:  "a test that does not run",
		edits: "-- b/b.go --\npackage b\n\nfunc B(n int) int { return 0 }\n",
		flags: []string{"-run=None"},
	}, {
		name: "a new package that fails its tests",
		edits: lock + "-- lock/lock_test.go --\npackage lock\n\nimport \"testing\"\n\nfunc TestLock(t *testing.T) {\n\tt.Fatal(1)\n}\n" +
			"-- b/b.go --\npackage b\n\nimport _ \"example.com/m/lock\"\n\nfunc B(n int) int { return 20 / n }\n",
		want: []string{"test example.com/m/lock lock/lock_test.go:6: TestLock fails:"},
	}, {
		name:  "a program that does not link",
		edits: "-- b/b.go --\npackage b\n\nfunc missing()\n\nfunc B(n int) int { missing(); return 1 }\n-- b/b.s --\n",
		want:  []string{"test example.com/m/b example.com/m/b: the package fails and passed before:"},
	}, {
		name:  "what vet says to go test",
		edits: "-- b/b.go --\npackage b\n\nimport \"fmt\"\n\nfunc B(n int) int { fmt.Printf(\"%d\", \"\"); return 1 }\n",
		want:  []string{"test example.com/m/b example.com/m/b: the package fails and passed before:"},
	}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, tested, "")
			req := f.request(test.edits)
			req.Flags = test.flags
			req.Test = true
			res := f.check(t, req)
			f.unproved = test.unproved
			f.want(t, res, test.want...)
			if res.Before != test.before {
				t.Errorf("Before = %d, want %d", res.Before, test.before)
			}
			for _, p := range res.New {
				if strings.Contains(p.Message, "etcdmod-verify") {
					t.Errorf("the message names a temporary file:\n%s", p.Message)
				}
			}
		})
	}
}

// The tests of packages that import a changed one, through another one or from another module
// of the workspace, run too, and write into copies.
func TestTestImporters(t *testing.T) {
	t.Parallel()
	const expects = "import \"testing\"\n\nfunc TestX(t *testing.T) {\n\tif X() != 1 {\n\t\tt.Error(\"not 1\")\n\t}\n}\n"
	f := setup(t, `
-- go.work --
go 1.21

use (
	./m
	./other
)
-- m/go.mod --
module example.com/m

go 1.21
-- m/a/a.go --
package a

func X() int { return 1 }
-- m/b/b.go --
package b

import (
	_ "embed"

	"example.com/m/a"
)

//go:embed testdata/one
var one string

func X() int { return a.X() + len(one) - 2 }
-- m/b/testdata/one --
1
-- m/c/c.go --
package c

import "example.com/m/b"

func X() int { return b.X() }
-- m/c/c_test.go --
package c

`+expects+`
-- m/d/d_test.go --
package d

import (
	"os"
	"testing"

	"example.com/m/a"
)

func TestBadBefore(t *testing.T) {
	if err := os.WriteFile("written", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Fatal(a.X())
}
-- m/e/e_test.go --
package e

import "testing"

func TestImportsNothing(t *testing.T) { panic("it must not run") }
-- other/go.mod --
module example.com/other

go 1.21

require example.com/m v0.0.0
-- other/x.go --
package other

import "example.com/m/c"

func X() int { return c.X() }
-- other/x_test.go --
package other

`+expects, "m")
	f.env[0] = "GOWORK="
	req := f.request("-- a/a.go --\npackage a\n\nfunc X() int { return 2 }\n")
	req.Test = true
	res := f.check(t, req)
	f.unproved = []string{"example.com/m/d"}
	f.want(t, res,
		"test example.com/m/c c/c_test.go:7: TestX fails and passed before:",
		"test example.com/other "+filepath.Join(f.top, "other", "x_test.go")+":7: TestX fails and passed before:")
}

// The end of ctx ends the tests that are running, too.
func TestCancel(t *testing.T) {
	t.Parallel()
	f := setup(t, tested, "")
	pidFile := filepath.Join(t.TempDir(), "pid")
	f.env = append(f.env, "PID_FILE="+pidFile)
	req := f.request("-- b/b.go --\npackage b\n\nimport (\n\t\"os\"\n\t\"strconv\"\n\t\"time\"\n)\n\n" +
		"func B(n int) int {\n\tos.WriteFile(os.Getenv(\"PID_FILE\"), []byte(strconv.Itoa(os.Getpid())), 0o666)\n\ttime.Sleep(time.Hour)\n\treturn 1\n}\n")
	req.Test = true
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var pid int
	go func() {
		defer cancel()
		for ctx.Err() == nil { // however long it takes to build the test
			time.Sleep(20 * time.Millisecond)
			data, _ := os.ReadFile(pidFile)
			if pid, _ = strconv.Atoi(string(data)); pid != 0 {
				return
			}
		}
	}()
	_, err := f.try(t, ctx, req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
	<-ctx.Done()
	if pid == 0 {
		t.Fatal("the test did not start")
	}
	// It may not have been reaped yet.
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if p, err := os.FindProcess(pid); err != nil || p.Signal(syscall.Signal(0)) != nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the test, process %d, is still running", pid)
		}
	}
}
