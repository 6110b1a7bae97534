package verify

import (
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/internal/verify/shadow"

	"github.com/google/go-cmp/cmp"
)

const vetted = `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

import (
	"fmt"
	"sync"
)

type T struct{ mu sync.Mutex }

func Old(t *T) {
	c := *t
	fmt.Println(&c)
}
-- c/c.go --
package c

import "context"

func Old(ctx context.Context, b bool) {
	ctx, cancel := context.WithCancel(ctx)
	if b {
		return
	}
	defer cancel()
}
-- b/b.go --
package b

import "example.com/m/a"

func B(t a.T) {}
`

func TestVet(t *testing.T) {
	t.Parallel()
	const head = "-- a/a.go --\npackage a\n\nimport (\n\t\"fmt\"\n\t\"sync\"\n)\n\ntype T struct{ mu sync.Mutex }\n\n// Other\n// lines.\n\n" +
		"func Old(t *T) {\n\tc := *t\n\tfmt.Println(&c)\n}\n\n"
	const lock = "-- internal/lock/lock.go --\npackage lock\n\nimport \"fmt\"\n\nfunc Lock() { fmt.Println() }\n"
	for _, test := range []struct {
		name   string
		edits  string
		before int
		want   []string
	}{{
		name:   "old diagnostics on other lines",
		edits:  head,
		before: 1,
	}, {
		name:   "old diagnostics, in a scratch copy",
		edits:  head + lock,
		before: 1,
	}, {
		name:   "a new diagnostic",
		edits:  head + "func New(t *T) {\n\td := *t\n\tfmt.Println(&d)\n}\n",
		before: 1,
		want:   []string{"vet example.com/m/a a/a.go:19:7: assignment copies lock value to d: example.com/m/a.T contains sync.Mutex (copylocks)"},
	}, {
		name:   "the same diagnostic once more, in a scratch copy",
		edits:  head + "func New(t *T) {\n\tc := *t\n\tfmt.Println(&c)\n}\n" + lock,
		before: 1,
		want:   []string{"vet example.com/m/a a/a.go:19:7: assignment copies lock value to c: example.com/m/a.T contains sync.Mutex (copylocks)"},
	}, {
		name: "an old diagnostic that names a line which has moved",
		edits: "-- c/c.go --\npackage c\n\nimport (\n\t\"context\"\n\t\"fmt\"\n)\n\nfunc Old(ctx context.Context, b bool) {\n\tfmt.Println()\n\tctx, cancel := context.WithCancel(ctx)\n" +
			"\tif b {\n\t\treturn\n\t}\n\tdefer cancel()\n}\n",
		before: 2,
	}, {
		name: "a new diagnostic beside one that names a line which has moved",
		edits: "-- c/c.go --\npackage c\n\nimport (\n\t\"context\"\n\t\"fmt\"\n)\n\nfunc Old(ctx context.Context, b bool) {\n\tfmt.Println()\n\tctx, cancel := context.WithCancel(ctx)\n" +
			"\tif b {\n\t\treturn\n\t}\n\tdefer cancel()\n}\n\nfunc New(ctx context.Context, b bool) {\n\tctx, cancel := context.WithCancel(ctx)\n\tif b {\n\t\treturn\n\t}\n\tdefer cancel()\n}\n",
		before: 2,
		want: []string{
			"vet example.com/m/c c/c.go:18:2: the cancel function is not used on all paths (possible context leak) (lostcancel)",
			"vet example.com/m/c c/c.go:20:3: this return statement may be reached without using the cancel var defined on line 18 (lostcancel)",
		},
	}, {
		name:  "a diagnostic in a package that exists only in the overlay",
		edits: "-- lock/lock.go --\npackage lock\n\nimport \"fmt\"\n\nfunc Lock() { fmt.Printf(\"%d\", \"\") }\n",
		want:  []string{`vet example.com/m/lock lock/lock.go:5:27: fmt.Printf format %d has arg "" of wrong type string (printf)`},
	}, {
		name:  "a diagnostic in a test",
		edits: "-- lock/lock.go --\npackage lock\n-- lock/lock_test.go --\npackage lock\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) { t.Logf(\"%d\", \"\") }\n",
		want:  []string{`vet example.com/m/lock lock/lock_test.go:5:36: (*testing.common).Logf format %d has arg "" of wrong type string (printf)`},
	}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, vetted, "")
			req := f.request(test.edits)
			req.Vet = true
			res := f.check(t, req)
			f.want(t, res, test.want...)
			if res.Before != test.before {
				t.Errorf("Before = %d, want %d", res.Before, test.before)
			}
		})
	}
	t.Run("a package that does not build", func(t *testing.T) {
		t.Parallel()
		f := setup(t, broken, "")
		req := f.request("-- a/a.go --\npackage a\n\n" + many(15) + "\nfunc A() int { return 2 }\n-- ok/ok.go --\npackage ok\n")
		req.Vet, req.Test = true, true
		res := f.check(t, req)
		f.unproved = []string{"example.com/m/a", "example.com/m/b"} // b imports a, and did not build either
		f.want(t, res)
	})
}

// The go command printed JSON elsewhere before go 1.26.
func TestVetOutput(t *testing.T) {
	places := shadow.NewPlaces("/m", map[string]string{"/tmp/0/a.go": "/m/a/a.go"})
	const tree = "{\n\t\"example.com/m/a [example.com/m/a.test]\": {\n\t\t\"printf\": [\n\t\t\t{\n\t\t\t\t\"posn\": \"/tmp/0/a.go:9:3\",\n" +
		"\t\t\t\t\"message\": \"bad {\"\n\t\t\t}\n\t\t]\n\t}\n}\n"
	want := []finding.Problem{{Package: "example.com/m/a", File: "/m/a/a.go", Line: 9, Col: 3, Message: "bad { (printf)"}}
	for name, streams := range map[string][2]string{
		"stdout": {"{}\n" + tree + "{}\n", ""},
		"stderr": {"", "# example.com/m/b\n{}\n# example.com/m/a\n# [example.com/m/a]\n" + tree},
	} {
		got, err := vetOutput(places, []byte(streams[0]), []byte(streams[1]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	got, err := vetOutput(places, []byte(`{"p": {"printf": {"error": "no"}}}`), []byte("# p\nvet: ./a.go:1:2: undefined: x\nother\n"))
	if err != nil {
		t.Fatal(err)
	}
	want = []finding.Problem{
		{Package: "p", Message: `printf: {"error": "no"}`},
		{File: "/m/a.go", Line: 1, Col: 2, Message: "undefined: x"},
		{Message: "other"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
