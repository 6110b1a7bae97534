package shadow

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/gocmd"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

const user = `
-- go.mod --
module example.com/m

go 1.21

require example.com/dep v1.2.3

replace example.com/dep => ./dep
-- dep/go.mod --
module example.com/dep

go 1.21
-- dep/dep.go --
package dep
-- a/a.go --
package a
-- b/b.go --
package b
`

const edits = `
-- a/a.go --
package a

import (
	"example.com/m/b"
	"example.com/m/internal/lock"
)

var _, _ = lock.X, b.X
-- b/b.go --
package b

var X int
-- internal/lock/lock.go --
package lock

import _ "example.com/dep"

var X int
`

// What is new stands elsewhere, and nothing else does, so that the build cache has it.
func TestNested(t *testing.T) {
	t.Parallel()
	const apart = "example.com/m/internal/lock" // and all others in place
	for _, test := range []struct {
		name, files, edits, sub string
		env, flags              []string
		want                    map[string]bool // import path: whether it stands elsewhere; nil where there is no such place
	}{
		{name: "a module", files: user, edits: edits, want: map[string]bool{apart: true, "example.com/m/a": false, "example.com/m/b": false}},
		{name: "no new directory", files: user, edits: "-- a/a.go --\npackage a\n", want: map[string]bool{"example.com/m/a": false}},
		{
			name: "go.mod is edited as well", files: user, edits: edits + "-- go.mod --\nmodule example.com/m\n\ngo 1.22\n\nrequire example.com/dep v1.2.3\n\nreplace example.com/dep => ./dep\n",
			want: map[string]bool{apart: true, "example.com/m/a": false},
		},
		{
			name: "a module that says no version of go", files: strings.ReplaceAll(user, "\ngo 1.21\n", ""), edits: edits,
			want: map[string]bool{apart: true, "example.com/m/a": false},
		},
		{
			name: "two directories, one in the other", files: user, edits: edits + "-- internal/lock/deep/deep.go --\npackage deep\n\nimport _ \"example.com/m/internal/lock\"\n",
			want: map[string]bool{apart: true, apart + "/deep": true, "example.com/m/a": false},
		},
		{
			name: "a workspace", sub: "m", env: []string{"GOWORK="},
			files: "-- go.work --\ngo 1.21\n\nuse (\n\t./m\n\t./other\n)\n-- m/go.mod --\nmodule example.com/m\n\ngo 1.21\n\nrequire example.com/dep v0.0.0\n" +
				"-- m/a/a.go --\npackage a\n-- m/b/b.go --\npackage b\n-- other/go.mod --\nmodule example.com/dep\n\ngo 1.21\n-- other/dep.go --\npackage dep\n",
			edits: edits, want: map[string]bool{apart: true, "example.com/m/a": false, "example.com/dep": false},
		},
		{name: "a vendor directory", files: user, edits: edits, flags: []string{"-mod=vendor"}},
		{
			name: "another go.mod", files: user + "-- other.mod --\nmodule example.com/m\n\ngo 1.21\n\nrequire example.com/dep v1.2.3\n\nreplace example.com/dep => ./dep\n",
			edits: edits, flags: []string{"-modfile=other.mod"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			for _, f := range txtar.Parse([]byte(test.files)).Files {
				if err := writeFile(filepath.Join(top, f.Name), f.Data, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			home := filepath.Join(top, test.sub)
			req := Request{Flags: test.flags, Edits: map[string][]byte{}}
			req.Go = gocmd.Runner{Dir: home}.With("GOFLAGS=", "GOPROXY=off", "GOTOOLCHAIN=local", "GOWORK=off").With(test.env...)
			for _, f := range txtar.Parse([]byte(test.edits)).Files {
				req.Edits[filepath.Join(home, f.Name)] = f.Data
			}
			w, err := Open(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			stage, err := w.After.Nested()
			if err != nil {
				t.Fatal(err)
			}
			if stage == nil || test.want == nil {
				if stage != nil || test.want != nil {
					t.Fatalf("there is such a place: %v", stage != nil)
				}
				return
			}
			got, paths := map[string]bool{}, []string{}
			for path := range test.want {
				paths = append(paths, path)
			}
			err = stage.Run(context.Background(), []string{"list", "-f={{.ImportPath}} {{.Dir}}"}, nil, paths, func(stdout, stderr []byte, err error) error {
				if err != nil {
					return err
				}
				for line := range strings.Lines(string(stdout)) {
					path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
					got[path] = !strings.HasPrefix(dir, top)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			err = stage.Run(context.Background(), []string{"vet"}, nil, paths, func(stdout, stderr []byte, err error) error {
				if err != nil {
					t.Errorf("%v\n%s%s", err, stdout, stderr)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(home, "internal")); err == nil {
				t.Error("something was written below the module")
			}
		})
	}
}
