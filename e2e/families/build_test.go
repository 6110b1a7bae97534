package families_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// A program is an archive of testdata/loops.
type program struct {
	name    string
	rule    string // of its finding
	tier    string
	message string
	also    []finding // that there are beside it
}

// A finding is a line of etcdmod's report.
type finding struct{ Type, Rule, Package, Tier, Message string }

const loops = "../../testdata/loops/"

// given replaces what the fixtures call with nil, since they are not run where they are read.
var given = []struct {
	nothing *regexp.Regexp
	session string
}{
	{regexp.MustCompile(`(NewMutex|newLeader|newNode|setup)\(nil`), `$1(given.Session("NAME")`},
	{regexp.MustCompile(`\(context\.Background\(\), nil`), `(context.Background(), given.Session("NAME")`},
	{regexp.MustCompile(`&worker\{`), `&worker{client: given.Client("NAME")`},
	{regexp.MustCompile(`&shards\{`), `&shards{session: given.Session("NAME"), `},
	{regexp.MustCompile(`(newNode\(.*\))\.run\(`), "n := $1\n\tn.member = true\n\tn.run("},
	{regexp.MustCompile(`(serve\(.*), nil\)`), `$1, given.Jobs())`},
	{regexp.MustCompile(`become\(context\.Background\(\), given.Session`), `become(context.Background(), given.Client`},
}

// beats makes the clocks of the programs faster, once they are rewritten: what is measured is
// entries per try, at any pace.
func beats(name, src string) string {
	unit := "time.Second"
	switch {
	case strings.Contains(src, "Sleep(time.Minute)"):
		unit = "time.Minute"
	case strings.Contains(src, "NewTicker(time.Hour)"):
		unit = "time.Hour"
	}
	return strings.ReplaceAll(src, unit, "(20 * time.Millisecond)")
}

// prepare writes the module of all programs, each in a directory of its name.
func prepare(t *testing.T, dir string, names []string) {
	t.Helper()
	for _, base := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join("..", "shapes", "testdata", "module", base))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, base), strings.Replace(string(data), "example.com/shapes", "example.com/app", 1))
	}
	if err := os.CopyFS(filepath.Join(dir, "given"), os.DirFS("testdata/given")); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(loops + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".go") {
				continue
			}
			src, start, found := strings.Cut(string(f.Data), "\nfunc main() {")
			if found {
				for _, g := range given {
					start = g.nothing.ReplaceAllString(start, g.session)
				}
				start = strings.ReplaceAll(start, "NAME", name)
				if !strings.Contains(start, "given.") {
					t.Fatalf("%s is given nothing:%s", name, start)
				}
				src = strings.Replace(src, "import (\n", "import (\n\t\"example.com/app/given\"\n", 1) + "\nfunc main() {" + start
			}
			write(t, filepath.Join(dir, name, f.Name), src)
		}
	}
}

// apply rewrites the module, and returns what is said of its packages.
func apply(t *testing.T, dir string, names []string) (all []*program) {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "etcdmod")
	command(t, filepath.Join("..", ".."), "go", "build", "-o", tool, "./cmd/etcdmod")
	found := map[string][]finding{}
	for lines := bufio.NewScanner(bytes.NewReader(command(t, dir, tool, "apply", "-json"))); lines.Scan(); {
		var f finding
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		if f.Type == "finding" {
			found[filepath.Base(f.Package)] = append(found[filepath.Base(f.Package)], f)
		}
	}
	for _, name := range names {
		if len(found[name]) == 0 {
			t.Fatalf("nothing is found in %s", name)
		}
		f := found[name][0]
		all = append(all, &program{name: name, rule: f.Rule, tier: f.Tier, message: f.Message, also: found[name][1:]})
	}
	return all
}

// link makes one binary of all programs.
func link(t *testing.T, dir string, names []string) string {
	t.Helper()
	var imports, table strings.Builder
	for _, name := range names {
		files, err := filepath.Glob(filepath.Join(dir, name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(string(src), "package main\n", "package "+name+"\n", 1)
			write(t, path, beats(name, strings.Replace(text, "\nfunc main() {", "\nfunc Main() {", 1)))
		}
		fmt.Fprintf(&imports, "\t%q\n", "example.com/app/"+name)
		fmt.Fprintf(&table, "\t\t%q: %s.Main,\n", name, name)
	}
	write(t, filepath.Join(dir, "main.go"), fmt.Sprintf(`package main

import (
	"example.com/app/given"
%s)

func main() {
	given.Run(map[string]func(){
%s	})
}
`, &imports, &table))
	bin := filepath.Join(dir, "programs")
	command(t, dir, "go", "build", "-o", bin, ".")
	return bin
}

func write(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// command runs a command outside any workspace, and returns its output. That something is
// refused is no error.
func command(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "GOWORK=off"), &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out
}
