package verify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lock is an edit that adds a package and uses it in a: the shape of every rewrite.
const lock = `
-- internal/lock/lock.go --
package lock

func Lock() int { return 1 }
-- a/a.go --
package a

import "example.com/m/internal/lock"

func A() int { return lock.Lock() }
`

// wrong is an edit that breaks b, and a new package beside it.
const wrong = `
-- internal/lock/lock.go --
package lock

func Lock() string { return "" }
-- a/a.go --
package a

import "example.com/m/internal/lock"

func A() string { return lock.Lock() }
`

const cgo = `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

// static int one(void) { return 1; }
import "C"

func A() int { return int(C.one()) }
-- a/a_test.go --
package a

import "testing"

func TestA(t *testing.T) {
	if A() < 0 {
		t.Error(A())
	}
}
-- b/b.go --
package b

import "example.com/m/a"

func B() int { return a.A() }
`

func TestCgo(t *testing.T) {
	t.Parallel()
	const edited = "-- a/a.go --\npackage a\n\n// static int one(void) { return 1; }\nimport \"C\"\nimport \"example.com/m/internal/lock\"\n\n" +
		"func A() int { return int(C.one()) + lock.Lock() }\n-- internal/lock/lock.go --\npackage lock\n\nfunc Lock() int { return 1 }\n"
	f := setup(t, cgo, "")
	req := f.request(edited)
	req.Vet, req.Test = true, true
	f.want(t, f.check(t, req))

	req = f.request(strings.Replace(edited, "A() int", "A() string", 1))
	f.want(t, f.check(t, req),
		`build example.com/m/a a/a.go:7:26: cannot use int((_Cfunc_one)()) + lock.Lock() (value of type int) as string value in return statement`,
		`build example.com/m/a a/a_test.go:6:11: invalid operation: A() < 0 (mismatched types string and untyped int)`,
	)
}

func TestReplacedModule(t *testing.T) {
	t.Parallel()
	const archive = `
-- m/go.mod --
module example.com/m

go 1.21

require example.com/other v0.0.0

replace example.com/other => ../other
-- m/a/a.go --
package a

import "example.com/other/o"

func A() int { return o.O() }
-- m/b/b.go --
package b

import "example.com/m/a"

func B() int { return a.A() }
-- other/go.mod --
module example.com/other

go 1.21
-- other/o/o.go --
package o

func O() int { return 1 }
-- newer/go.mod --
module example.com/other

go 1.21
-- newer/o/o.go --
package o

func O() string { return "" }
`
	t.Run("in a scratch copy", func(t *testing.T) {
		t.Parallel()
		f := setup(t, archive, "m")
		req := f.request("-- lock/lock.go --\npackage lock\n\nfunc Lock() int { return 1 }\n-- a/a.go --\npackage a\n\n" +
			"import (\n\t\"fmt\"\n\t\"example.com/m/lock\"\n\t\"example.com/other/o\"\n)\n\nfunc A() int { fmt.Printf(\"%d\\n\", \"\"); return o.O() + lock.Lock() }\n")
		req.Vet = true
		f.want(t, f.check(t, req), `vet example.com/m/a a/a.go:9:28: fmt.Printf format %d has arg "" of wrong type string (printf)`)
	})
	t.Run("a bump breaks packages that nobody edited", func(t *testing.T) {
		t.Parallel()
		f := setup(t, archive, "m")
		gomod, err := os.ReadFile(filepath.Join(f.dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		req := f.request("-- go.mod --\n" + strings.Replace(string(gomod), "../other", "../newer", 1))
		res := f.check(t, req)
		f.want(t, res, `build example.com/m/a a/a.go:5:23: cannot use o.O() (value of type string) as int value in return statement`)
		if diff := cmp.Diff([]string{"example.com/m/a", "example.com/m/b"}, res.Checked); diff != "" {
			t.Errorf("checked (-want +got):\n%s", diff)
		}
	})
	t.Run("a go line is for all packages", func(t *testing.T) {
		t.Parallel()
		f := setup(t, strings.Replace(basic, "go 1.21", "go 1.22", 1)+"-- f/f.go --\npackage f\n\nfunc F() {\n\tfor range 3 {\n\t}\n}\n", "")
		req := f.request("-- go.mod --\nmodule example.com/m\n\ngo 1.21\n")
		f.want(t, f.check(t, req), `build example.com/m/f f/f.go:4:12: cannot range over 3 (untyped int constant): requires go1.22 or later (-lang was set to go1.21; check go.mod)`)
	})
	t.Run("an edit in the replaced module", func(t *testing.T) {
		t.Parallel()
		f := setup(t, archive, "m")
		req := f.request("-- ../other/o/o.go --\npackage o\n\nfunc O() string { return \"\" }\n")
		f.want(t, f.check(t, req), `build example.com/m/a a/a.go:5:23: cannot use o.O() (value of type string) as int value in return statement`)
	})
	t.Run("importers through another module", func(t *testing.T) {
		t.Parallel()
		f := setup(t, archive+"-- m/leaf/leaf.go --\npackage leaf\n\nfunc Leaf() int { return 1 }\n-- other/back/back.go --\npackage back\n\n"+
			"import \"example.com/m/leaf\"\n\nfunc Back[T any](t T) int { return leaf.Leaf() }\n-- m/top/top.go --\npackage top\n\n"+
			"import \"example.com/other/back\"\n\nvar Top int = back.Back(1)\n", "m")
		res := f.check(t, f.request("-- leaf/leaf.go --\npackage leaf\n\nfunc Leaf() string { return \"\" }\n"))
		f.want(t, res, "build example.com/other/back "+filepath.Join(f.top, "other/back/back.go")+
			":5:36: cannot use leaf.Leaf() (value of type string) as int value in return statement")
		if diff := cmp.Diff([]string{"example.com/m/leaf", "example.com/m/top"}, res.Checked); diff != "" {
			t.Errorf("checked (-want +got):\n%s", diff)
		}
	})
	t.Run("go.mod that cannot be loaded", func(t *testing.T) {
		t.Parallel()
		f := setup(t, archive, "m")
		req := f.request("-- go.mod --\nmodule example.com/m\n\ngo 1.21\n\nrequire example.com/other\n")
		f.want(t, f.check(t, req), "load  go: errors parsing go.mod:")
	})
	t.Run("go.mod that lacks a requirement", func(t *testing.T) {
		t.Parallel()
		f := setup(t, archive, "m")
		req := f.request("-- go.mod --\nmodule example.com/m\n\ngo 1.21\n")
		f.want(t, f.check(t, req), "load example.com/m/a a/a.go:3:8: no required module provides package example.com/other/o; to add it:")
	})
}

func TestWorkspace(t *testing.T) {
	t.Parallel()
	const archive = `
-- go.work --
go 1.21

use (
	./m
	./n
)

replace example.com/other => ./other
-- other/go.mod --
module example.com/other

go 1.21
-- other/o/o.go --
package o

const O = 1
-- m/go.mod --
module example.com/m

go 1.21

require example.com/other v0.0.0
-- m/a/a.go --
package a

import "example.com/other/o"

func A() int { return o.O }
-- m/a/a_test.go --
package a

import "testing"

func TestA(t *testing.T) {
	if A() != 1 {
		t.Error(A())
	}
}
-- n/go.mod --
module example.com/n

go 1.21
-- n/b/b.go --
package b

import "example.com/m/a"

func B() int { return a.A() }
`
	open := func(t *testing.T) *fixture {
		f := setup(t, archive, "m")
		f.env = append(f.env, "GOWORK="+filepath.Join(f.top, "go.work"))
		return f
	}
	t.Run("importers in another module", func(t *testing.T) {
		t.Parallel()
		f := open(t)
		res := f.check(t, f.request(wrong))
		f.want(t, res, "build example.com/m/a a/a_test.go:6:12: invalid operation: A() != 1 (mismatched types string and untyped int)", "build example.com/n/b "+
			filepath.Join(f.top, "n/b/b.go")+":5:23: cannot use a.A() (value of type string) as int value in return statement")
		if diff := cmp.Diff([]string{"example.com/m/a", "example.com/m/internal/lock", "example.com/n/b"}, res.Checked); diff != "" {
			t.Errorf("checked (-want +got):\n%s", diff)
		}
	})
	t.Run("in a scratch copy", func(t *testing.T) {
		t.Parallel()
		f := open(t)
		req := f.request(strings.Replace(lock, "lock.Lock()", "lock.Lock() + o.O", 1))
		req.Overlay[filepath.Join(f.dir, "a/a.go")] = []byte("package a\n\nimport (\n\t\"example.com/m/internal/lock\"\n\t\"example.com/other/o\"\n)\n\n" +
			"func A() int { return lock.Lock() + o.O }\n")
		req.Vet, req.Test = true, true
		f.want(t, f.check(t, req), "test example.com/m/a a/a_test.go:7: TestA fails and passed before:")
	})
	t.Run("edits in another module", func(t *testing.T) {
		t.Parallel()
		f := open(t)
		req := f.request(lock + "-- ../n/b/b.go --\npackage b\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/m/a\"\n)\n\nfunc B() int { fmt.Printf(\"%d\", \"\"); return a.A() }\n")
		req.Vet = true
		f.want(t, f.check(t, req), "vet example.com/n/b "+filepath.Join(f.top, "n/b/b.go")+`:9:28: fmt.Printf format %d has arg "" of wrong type string (printf)`)
	})
}

// A workspace module below the one that is copied must not be found twice: in the copy,
// as a directory, and in its own place.
func TestNestedWorkspaceModule(t *testing.T) {
	t.Parallel()
	f := setup(t, `
-- go.work --
go 1.21

use (
	.
	./api
)
-- go.mod --
module example.com/m

go 1.21

require example.com/m/api v0.0.0

replace example.com/m/api => ./api
-- a/a.go --
package a

import "example.com/m/api/x"

func A() int { return x.X }
-- api/go.mod --
module example.com/m/api

go 1.21
-- api/x/x.go --
package x

const X = 1
`, ".")
	f.env = append(f.env, "GOWORK="+filepath.Join(f.top, "go.work"))
	req := f.request("-- internal/lock/lock.go --\npackage lock\n\nfunc Lock() int { return 1 }\n-- a/a.go --\npackage a\n\nimport (\n\t\"example.com/m/api/x\"\n\t\"example.com/m/internal/lock\"\n)\n\nfunc A() int { return lock.Lock() + x.X }\n")
	req.Vet, req.Test = true, true
	f.want(t, f.check(t, req))
}

func TestVendor(t *testing.T) {
	t.Parallel()
	const files = `
-- go.mod --
module example.com/m

go 1.21

require example.com/other v1.0.0

replace example.com/other => ../nowhere
-- vendor/modules.txt --
# example.com/other v1.0.0 => ../nowhere
## explicit; go 1.21
example.com/other/o
# example.com/other => ../nowhere
-- vendor/example.com/other/o/o.go --
package o

func O() int { return 1 }
-- a/a.go --
package a

import "example.com/other/o"

func A() int { return o.O() }
-- a/a_test.go --
package a

import "testing"

func TestA(t *testing.T) {
	if A() != 1 {
		t.Error(A())
	}
}
`
	edit := func(body string) string {
		return "-- internal/lock/lock.go --\npackage lock\n\nfunc Lock() int { return 0 }\n-- a/a.go --\npackage a\n\n" +
			"import (\n\t\"example.com/m/internal/lock\"\n\t\"example.com/other/o\"\n)\n\n" + body
	}
	t.Run("a module", func(t *testing.T) {
		t.Parallel()
		f := setup(t, files, "")
		req := f.request(edit("func A() int { return o.O() + lock.Lock() }\n"))
		req.Vet, req.Test = true, true
		f.want(t, f.check(t, req))
	})
	t.Run("an error", func(t *testing.T) {
		t.Parallel()
		f := setup(t, files, "")
		f.want(t, f.check(t, f.request(edit("func A() int { return o.O() + lock.None }\n"))),
			"build example.com/m/a a/a.go:8:36: undefined: lock.None")
	})
	t.Run("an edit below vendor", func(t *testing.T) {
		t.Parallel()
		f := setup(t, files, "")
		req := f.request(edit("func A() int { return o.O() + lock.Lock() }\n") + "-- vendor/example.com/other/o/o.go --\npackage o\n\nfunc O() int { return 2 }\n")
		req.Vet, req.Test = true, true
		f.want(t, f.check(t, req), "test example.com/m/a a/a_test.go:7: TestA fails and passed before:")
	})
	t.Run("a go.mod that no longer agrees", func(t *testing.T) {
		t.Parallel()
		f := setup(t, files, "")
		req := f.request("-- go.mod --\nmodule example.com/m\n\ngo 1.21\n\nrequire example.com/other v1.0.1\n\nreplace example.com/other => ../nowhere\n")
		f.want(t, f.check(t, req), "load  go: inconsistent vendoring in "+f.dir+":")
	})
	t.Run("a workspace", func(t *testing.T) {
		t.Parallel()
		// modules.txt has the path as seen from go.work.
		fromWork := strings.ReplaceAll(files, "=> ../nowhere\n#", "=> ./nowhere\n#")
		fromWork = strings.Replace(fromWork, "=> ../nowhere\n-- vendor/example", "=> ./nowhere\n-- vendor/example", 1)
		archive := "-- go.work --\ngo 1.22\n\nuse ./m\n"
		for _, part := range strings.SplitAfter(fromWork, "\n") {
			switch {
			case strings.HasPrefix(part, "-- vendor/modules.txt"):
				part += "## workspace\n"
			case strings.HasPrefix(part, "-- vendor"):
			case strings.HasPrefix(part, "-- "):
				part = "-- m/" + part[len("-- "):]
			}
			archive += strings.ReplaceAll(part, "go 1.21", "go 1.22")
		}
		f := setup(t, archive, "m")
		f.env = append(f.env, "GOWORK="+filepath.Join(f.top, "go.work"))
		req := f.request(edit("func A() int { return o.O() + lock.Lock() }\n"))
		req.Vet, req.Test = true, true
		f.want(t, f.check(t, req))

		req = f.request(edit("func A() int { return o.O() + lock.Lock() + 1 }\n"))
		req.Vet, req.Test = true, true
		f.want(t, f.check(t, req), "test example.com/m/a a/a_test.go:7: TestA fails and passed before:")
	})
}

func TestEmbeddedFiles(t *testing.T) {
	t.Parallel()
	const archive = `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

import "embed"

//go:embed text.txt sub
var files embed.FS

func A() (int, error) {
	data, err := files.ReadFile("sub/deep/b.txt")
	return len(data), err
}
-- a/text.txt --
-- a/sub/deep/b.txt --
four
-- a/a_test.go --
package a

import (
	_ "embed"
	"testing"
)

//go:embed golden/want.txt
var want string

func TestA(t *testing.T) {
	if n, err := A(); n != len(want) || err != nil {
		t.Error(n, err)
	}
}
-- a/golden/want.txt --
FOUR
`
	f := setup(t, archive, "")
	req := f.request("-- lock/lock.go --\npackage lock\n\nfunc Lock() {}\n-- a/b.go --\npackage a\n\nimport _ \"example.com/m/lock\"\n")
	req.Vet, req.Test = true, true
	f.want(t, f.check(t, req))
}

// A module directory that is named through a symbolic link, and edits that are not,
// or the other way around.
func TestSymbolicLink(t *testing.T) {
	t.Parallel()
	f := setup(t, basic, "")
	real := f.dir
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(real, link); err != nil {
		t.Skip(err)
	}
	const edits = "-- a/a.go --\npackage a\n\nfunc A() int { return \"\" }\n-- lock/new.go --\npackage lock\n"
	for _, dirs := range [][2]string{{real, real}, {link, link}, {real, link}, {link, real}} {
		f.dir = dirs[1]
		req := f.request(edits)
		f.dir = dirs[0]
		req.Go.Dir = dirs[0]
		f.want(t, f.check(t, req), `build example.com/m/a a/a.go:3:23: cannot use "" (untyped string constant) as int value in return statement`)
	}
}

func TestUncovered(t *testing.T) {
	t.Parallel()
	f := setup(t, basic+"-- a/a_plan9.go --\npackage a\n-- b/testdata/x.go --\npackage x\n", "")
	req := f.request("-- b/testdata/x.go --\npackage x\n\nvar X = 1\n-- go.mod --\nmodule example.com/m\n\n// Edited.\ngo 1.21\n")
	req.Vet, req.Test = true, true
	f.uncovered = []string{filepath.Join(f.dir, "b/testdata/x.go")}
	res := f.check(t, req)
	f.want(t, res)
	if len(res.Checked) > 0 {
		t.Errorf("checked %v, want none", res.Checked)
	}

	req = f.request("-- a/a_plan9.go --\npackage a\n\nvar x int = \"\"\n-- b/testdata/x.go --\npackage x\n\nvar X = 1\n")
	f.uncovered = []string{filepath.Join(f.dir, "a/a_plan9.go"), filepath.Join(f.dir, "b/testdata/x.go")}
	f.want(t, f.check(t, req))
}
