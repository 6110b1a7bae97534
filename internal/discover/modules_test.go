package discover

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A repository of modules: which there are, and in which order they follow each other.
func TestModules(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"app/go.mod":              "module app\nreplace middle => ../middle\n",
		"middle/go.mod":           "module middle\nreplace (\n\tzlib v1.0.0 => ../zlib\n\tother => example.com/other v1.0.0\n)\n",
		"zlib/go.mod":             "module zlib\n",
		"alone/go.mod":            "module alone\nreplace app => ../nowhere\n",
		"broken/go.mod":           "<<<<<<<\n",
		"cycle/a/go.mod":          "module a\nreplace b => ../b\n",
		"cycle/b/go.mod":          "module b\nreplace a => ../a\n",
		"app/vendor/x/go.mod":     "module x\n",
		"app/testdata/go.mod":     "module x\n",
		"_old/go.mod":             "module x\n",
		".git/go.mod":             "module x\n",
		"web/node_modules/go.mod": "module x\n",
	} {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Modules(root)
	if err != nil {
		t.Fatal(err)
	}
	names := func(dirs []string) (out []string) {
		for _, dir := range dirs {
			rel, err := filepath.Rel(root, dir)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, filepath.ToSlash(rel))
		}
		return out
	}
	if d := cmp.Diff([]string{"alone", "app", "broken", "cycle/a", "cycle/b", "middle", "zlib"}, names(found)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"alone", "zlib", "middle", "app", "broken", "cycle/b", "cycle/a"}, names(DependenciesFirst(found))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"middle", "app"}, names(Dependants(filepath.Join(root, "zlib"), found))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if _, err := Modules(filepath.Join(root, "nowhere")); err == nil {
		t.Error("a directory that is not there has modules")
	}
}
