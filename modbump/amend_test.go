package modbump

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/tools/txtar"
)

func mods(list ...string) (out []module.Version) {
	for _, m := range list {
		path, version, _ := strings.Cut(m, "@")
		out = append(out, module.Version{Path: path, Version: version})
	}
	return out
}

// TestAmend: what a go.mod has in a lower version is raised where it stands, what it lacks
// is added where it belongs, and the go line goes up, never down.
func TestAmend(t *testing.T) {
	for _, test := range []struct {
		name, gomod string
		need        []module.Version
		goVersion   string
		want        string
	}{
		{
			"raised and added", "module m\n\ngo 1.16\n\nrequire (\n\texample.com/a v1.0.0 // why\n\texample.com/c v1.0.0\n)\n",
			mods("example.com/b@v1.0.0", "example.com/a@v1.2.0", "example.com/c@v0.9.0"), "1.21",
			"module m\n\ngo 1.21\n\nrequire (\n\texample.com/a v1.2.0 // why\n\texample.com/c v1.0.0\n)\n\nrequire example.com/b v1.0.0 // indirect\n",
		},
		{
			"added to a block", "module m\n\ngo 1.16\n\nrequire (\n\texample.com/a v1.0.0 // why\n\texample.com/c v1.0.0\n)\n",
			mods("example.com/d@v1.0.0", "example.com/b@v1.0.0"), "",
			"module m\n\ngo 1.16\n\nrequire (\n\texample.com/a v1.0.0 // why\n\texample.com/b v1.0.0 // indirect\n\texample.com/c v1.0.0\n\texample.com/d v1.0.0 // indirect\n)\n",
		},
		{
			"a block of their own", "module m\n\ngo 1.17\n\nrequire (\n\texample.com/x v1.0.0\n)\n\nexclude example.com/y v1.0.0\n",
			mods("example.com/b@v1.0.0", "example.com/a@v1.0.0"), "",
			"module m\n\ngo 1.17\n\nrequire (\n\texample.com/x v1.0.0\n)\n\nrequire (\n\texample.com/a v1.0.0 // indirect\n\texample.com/b v1.0.0 // indirect\n)\n\nexclude example.com/y v1.0.0\n",
		},
		{
			"a block of their own behind a line", "module m\n\ngo 1.17\n\nrequire example.com/x v1.0.0 // last",
			mods("example.com/c@v1.0.0", "example.com/b@v1.0.0", "example.com/a@v1.0.0"), "1.20",
			"module m\n\ngo 1.20\n\nrequire example.com/x v1.0.0 // last\n\nrequire (\n\texample.com/a v1.0.0 // indirect\n\texample.com/b v1.0.0 // indirect\n\texample.com/c v1.0.0 // indirect\n)\n",
		},
		{
			"two in one place", "module m\n\nrequire example.com/z v1.0.0\n",
			mods("example.com/b@v1.0.0", "example.com/a@v1.0.0"), "",
			"module m\n\nrequire example.com/z v1.0.0\nrequire example.com/a v1.0.0 // indirect\nrequire example.com/b v1.0.0 // indirect\n",
		},
		{
			"no requirement, no line end", "module m",
			mods("example.com/a@v1.0.0"), "1.21",
			"module m\n\nrequire example.com/a v1.0.0 // indirect\n",
		},
		{
			"a block in one line", "module m\nrequire (example.com/a v1.0.0)\n",
			mods("example.com/b@v1.0.0"), "",
			"",
		},
		{
			"the go line stays", "module m\n\ngo 1.22.1 // newest\n",
			nil, "1.22.0",
			"module m\n\ngo 1.22.1 // newest\n",
		},
		{
			"the toolchain line is implied", "module m\n\ngo 1.22.0 // low\n\ntoolchain go1.23.1 // in CI\n\nrequire example.com/a v1.0.0\n",
			mods("example.com/b@v1.0.0"), "1.23.1",
			"module m\n\ngo 1.23.1 // low\n\nrequire example.com/a v1.0.0\nrequire example.com/b v1.0.0 // indirect\n",
		},
		{
			"the same without blank lines, at the end", "module m\ngo 1.22.0\n// kept\ntoolchain go1.23.1",
			nil, "1.23.1",
			"module m\ngo 1.23.1\n// kept\n",
		},
		{
			"the toolchain line is higher", "module m\n\ngo 1.22.0\n\ntoolchain go1.23.2\n",
			nil, "1.23.1",
			"module m\n\ngo 1.23.1\n\ntoolchain go1.23.2\n",
		},
		{
			"the toolchain line is lower", "module m\n\ngo 1.22.0\n\ntoolchain go1.22.2\n",
			nil, "1.23.1",
			"module m\n\ngo 1.23.1\n\ntoolchain go1.22.2\n",
		},
		{
			"a release candidate", "module m\n\ngo 1.22rc1\n",
			nil, "1.22.0",
			"module m\n\ngo 1.22.0\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got, err := Amend("go.mod", []byte(test.gomod), test.need, test.goVersion)
			if test.want == "" { // modfile does not parse it either
				if _, bad := modfile.Parse("go.mod", []byte(test.gomod), nil); (bad == nil) != (err == nil) {
					t.Fatalf("got %q, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, string(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			_, got, err = Amend("go.mod", toCRLF([]byte(test.gomod)), test.need, test.goVersion)
			if err != nil {
				t.Fatal(err)
			}
			if crlf := string(toCRLF([]byte(test.want))); strings.Contains(test.gomod, "\n") && crlf != string(got) {
				t.Errorf("with CRLF: %q, not %q", got, crlf)
			}
		})
	}
}

// FuzzAmend: no bytes make Amend panic, and whatever parses has afterwards what was asked
// for, and every line that is not about it as it was.
func FuzzAmend(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data, "example.com/a", "v1.0.0", "1.21")
		f.Add(toCRLF(archive.Files[0].Data), "go.etcd.io/etcd/api/v3", "v3.5.15", "1.23.0")
	}
	f.Add([]byte("module m\nrequire (\n)\n"), "example.com/a", "v1.0.0", "1.21")
	f.Add([]byte("module m\n\ngo 1.20\n\ntoolchain go1.21\n\nrequire a.b/c v1.0.0\n"), "example.com/a", "v1.0.0", "1.21")
	f.Add([]byte("module m\nrequire (\n\ta.b/c v1.0.0 // indirect\n)"), "example.com/a", "v1.0.0", "1.21")
	f.Fuzz(func(t *testing.T, gomod []byte, path, version, goVersion string) {
		need := mods("example.com/new@v1.0.0", "github.com/coreos/etcd@v3.2.26+incompatible", "google.golang.org/grpc@v1.26.0")
		if module.Check(path, version) == nil && module.CanonicalVersion(version) == version && !slices.ContainsFunc(need, func(m module.Version) bool { return m.Path == path }) {
			need = append(need, module.Version{Path: path, Version: version})
		}
		if !modfile.GoVersionRE.MatchString(goVersion) {
			goVersion = ""
		}
		before, parses := modfile.Parse("go.mod", gomod, nil)
		edits, got, err := Amend("go.mod", bytes.Clone(gomod), need, goVersion)
		if (err == nil) != (parses == nil) {
			t.Fatalf("modfile says %v, Amend %v", parses, err)
		}
		if err != nil {
			return
		}
		after, err := modfile.Parse("go.mod", got, nil)
		if err != nil {
			t.Fatalf("%v\n%q", err, got)
		}
		for _, want := range need {
			found := false
			for _, r := range after.Require {
				if r.Mod.Path == want.Path {
					found = true
					if semver.Compare(r.Mod.Version, want.Version) < 0 {
						t.Errorf("%s stays", r.Mod)
					}
				}
			}
			if !found {
				t.Errorf("%s is missing in %q", want, got)
			}
		}
		if before.Go != nil && after.Go == nil || len(after.Replace) != len(before.Replace) || len(after.Exclude) != len(before.Exclude) {
			t.Errorf("other directives change: %q", got)
		}
		// The bytes between the edits are those of the original.
		rest, last := got, 0
		for _, e := range edits {
			keep := gomod[last:e.Start]
			if !bytes.HasPrefix(rest, keep) || !bytes.HasPrefix(rest[len(keep):], []byte(e.New)) {
				t.Fatalf("more than the edits changes: %q", got)
			}
			rest, last = rest[len(keep)+len(e.New):], e.End
		}
		if !bytes.Equal(rest, gomod[last:]) {
			t.Fatalf("more than the edits changes: %q", got)
		}
		if again, same, err := Amend("go.mod", got, need, goVersion); err != nil || len(again) != 0 || !bytes.Equal(same, got) {
			t.Errorf("a second time: %v, %v", again, err)
		}
	})
}
