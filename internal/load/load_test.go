package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/gocmd"
)

// A file that nests too deeply is one that does not parse: named, with its place, and the others
// of its module are loaded.
func TestDeep(t *testing.T) {
	long := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, c := range map[string]struct {
		body string
		deep bool
	}{
		"sum":     {"var b = 1\nvar a = b" + long("+b", 5000) + "\n", true},
		"calls":   {"func f(x int) int { return x }\nvar a = " + long("f(", 5000) + "1" + long(")", 5000) + "\n", true},
		"parens":  {"var a = " + long("(", 5000) + "1" + long(")", 5000) + "\n", true},
		"methods": {"type T struct{}\nfunc (T) M() (t T) { return }\nvar a = T{}" + long(".M()", 3000) + "\n", true},
		"long":    {"func f(x int) {\n" + long("x++\n", 20000) + "}\n", false},
		"usual":   {"var b = 1\nvar a = b" + long("+b", 1000) + "\n", false},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"go.mod": "module m\n\ngo 1.24\n", "a/a.go": "package a\n\n" + c.body, "b/b.go": "package b\n\nfunc B() {}\n"} {
			at := filepath.Join(dir, filepath.FromSlash(file))
			if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		r := gocmd.Runner{Dir: dir}.With("GOWORK=off", "GOFLAGS=")
		cache := NewCache()
		prog, err := cache.Load(t.Context(), r, []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		problems := prog.Problems()
		told := len(problems) > 0 && problems[0].Kind == Syntax && strings.HasPrefix(problems[0].Pos, filepath.Join(dir, "a", "a.go")+":") && strings.Contains(problems[0].Message, "nested more than 4000 deep")
		if told != c.deep || (cache.Deep() != "") != c.deep || !c.deep && len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
		for _, pkg := range prog.Packages {
			if pkg.PkgPath == "m/b" && len(pkg.Syntax) != 1 {
				t.Errorf("%s: the other package has %d files", name, len(pkg.Syntax))
			}
		}
	}
}
