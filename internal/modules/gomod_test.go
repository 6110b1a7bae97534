package modules

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
)

// A file that is moved means the same, and one that names nothing relative keeps its bytes.
func TestMovedFrom(t *testing.T) {
	home := filepath.FromSlash("/src/app")
	const plain = "module   example.com/app // odd\n\nreplace a.example => b.example v1.0.0\nreplace c.example => /abs\n"
	mod, err := ParseGoMod("go.mod", []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := mod.MovedFrom(home); err != nil || string(got) != plain {
		t.Errorf("got %q, %v", got, err)
	}
	mod, err = ParseGoMod("go.mod", []byte("module example.com/app\n\nreplace (\n\ta.example v1.0.0 => ../a\n\tb.example => ./b\n)\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := mod.MovedFrom(home)
	if err != nil || !strings.Contains(string(got), "a.example v1.0.0 => /src/a\n") || !strings.Contains(string(got), "b.example => /src/app/b\n") {
		t.Errorf("got %q, %v", got, err)
	}
	work, err := ParseGoWork("go.work", []byte("go 1.21\n\nuse (\n\t./one\n\t../two\n)\n\nreplace a.example => ./a\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err = work.MovedFrom(home, func(dir string) string {
		if dir == filepath.FromSlash("/src/two") {
			return filepath.FromSlash("/copy/two")
		}
		return dir
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go 1.21", "/src/app/one", "/copy/two", "a.example => /src/app/a"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q lacks %s", got, want)
		}
	}
}

func TestRequirements(t *testing.T) {
	mod, err := ParseGoMod("go.mod", []byte(`module m
require a.example v1.2.0
require a.example v1.10.0
require b.example v0.1.0
replace b.example => c.example v1.0.0
replace b.example v0.1.0 => d.example v1.0.0
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := mod.Requirements(); len(got) != 2 || got["a.example"] != "v1.10.0" {
		t.Errorf("got %v", got)
	}
	by, ok := Replacement(mod.Replace, module.Version{Path: "b.example", Version: "v0.1.0"})
	if !ok || by.Path != "d.example" {
		t.Errorf("got %v, %v", by, ok)
	}
	if !mod.Replaces(module.Version{Path: "b.example", Version: "v9.0.0"}) || mod.Replaces(module.Version{Path: "a.example", Version: "v1.2.0"}) {
		t.Error("what is replaced")
	}
	// Directives of a newer go command.
	const newer = "module m\ngo 1.21\nfuture x\nrequire a.example v1.2.0\n"
	if _, err := ParseGoMod("go.mod", []byte(newer)); err == nil {
		t.Error("an unknown directive is none")
	}
	if mod, err := ParseGoModLax("go.mod", []byte(newer)); err != nil || mod.Go != "1.21" || !mod.Requires("a.example") {
		t.Errorf("got %+v, %v", mod, err)
	}
}
