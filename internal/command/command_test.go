package command_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"etcdmod/internal/command"
	"etcdmod/internal/finding"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// run runs etcdmod in this process.
func run(t *testing.T, env command.Env, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env.Stdout, env.Stderr, env.Stdin = &out, &errs, strings.NewReader("")
	if env.Terminal != nil {
		terminal := env.Terminal
		env.Terminal = func(w io.Writer) bool { return w == env.Stdout && terminal(w) }
	}
	if env.Dir == "" {
		env.Dir = t.TempDir()
	}
	code = command.Main(t.Context(), args, env)
	return code, out.String(), errs.String()
}

// Everything that a report can name is explained, and what the list has is, too.
func TestExplainKnowsEveryCode(t *testing.T) {
	want := []string{modbump.Rule}
	for _, r := range rewrite.Rules {
		want = append(want, r.ID)
	}
	for _, code := range finding.Codes() {
		want = append(want, string(code))
	}
	slices.Sort(want)
	want = slices.Compact(want)

	_, list, _ := run(t, command.Env{}, "explain")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  (\S+)  +\S`).FindAllStringSubmatch(list, -1) {
		listed[m[1]] = true
	}
	for _, name := range want {
		code, text, stderr := run(t, command.Env{}, "explain", name)
		if code != 0 || !strings.HasPrefix(text, name+": ") || len(text) < len(name)+20 || stderr != "" {
			t.Errorf("explain %s: exit code %d, %q, %s", name, code, text, stderr)
		}
		if !listed[name] {
			t.Errorf("%s is not in the list", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		if code, _, _ := run(t, command.Env{}, "explain", name); code != 0 {
			t.Errorf("explain %s: exit code %d", name, code)
		}
	}
}

// example is a copy of testdata/example, which polls.
func example(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS("../../testdata/example")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A terminal gets the control characters of files, and what hides or turns text, in words; what is
// piped gets the bytes.
func TestTerminalContent(t *testing.T) {
	dir := example(t)
	name := filepath.Join(dir, "main.go")
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const odd = "\x1b]0;PWN\a\u202e"
	edited := strings.Replace(string(src), "import (\n", "import ( // "+odd+"\n", 1)
	if err := os.WriteFile(name, []byte(edited), 0o666); err != nil || edited == string(src) {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		terminal bool
		extra    string
	}{{true, "NO_COLOR="}, {true, "NO_COLOR=1"}, {false, "NO_COLOR=1"}} {
		env := command.Env{Dir: dir, Environ: append(os.Environ(), "GOFLAGS=", "GOWORK=off", "TERM=xterm", tc.extra), Terminal: func(io.Writer) bool { return tc.terminal }}
		_, out, stderr := run(t, env, "diff", "-vet=false")
		if shown := strings.Contains(out, `\x1b]0;PWN\x07\u202e`); shown != tc.terminal || strings.Contains(out, odd) == tc.terminal {
			t.Errorf("terminal %v, %s: %q\n%s", tc.terminal, tc.extra, out, stderr)
		}
	}
}

// The patch is coloured on a terminal that wants colours, and is the same text then.
func TestColours(t *testing.T) {
	dir := example(t)
	environ := func(extra ...string) []string {
		var out []string
		for _, kv := range os.Environ() {
			if !strings.HasPrefix(kv, "NO_COLOR=") && !strings.HasPrefix(kv, "TERM=") {
				out = append(out, kv)
			}
		}
		return append(out, append([]string{"GOFLAGS=", "GOWORK=off", "GIT_PAGER=cat"}, extra...)...)
	}
	yes, no := func(io.Writer) bool { return true }, func(io.Writer) bool { return false }
	escapes := regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	plain := ""
	for _, tc := range []struct {
		name     string
		terminal func(io.Writer) bool
		extra    []string
		coloured bool
	}{
		{"not a terminal", no, []string{"TERM=xterm"}, false},
		{"terminal", yes, []string{"TERM=xterm"}, true},
		{"NO_COLOR", yes, []string{"TERM=xterm", "NO_COLOR=1"}, false},
		{"empty NO_COLOR", yes, []string{"TERM=xterm", "NO_COLOR="}, true},
		{"dumb terminal", yes, []string{"TERM=dumb"}, false},
		{"found out", nil, []string{"TERM=xterm"}, false}, // a buffer is none
	} {
		code, out, stderr := run(t, command.Env{Dir: dir, Environ: environ(tc.extra...), Terminal: tc.terminal}, "diff", "-vet=false", "-helper")
		out, _, _ = strings.Cut(out, "\n1 finding; ") // which a terminal gets besides
		if code != command.ExitFindings {
			t.Fatalf("%s: exit code %d: %s", tc.name, code, stderr)
		}
		if plain == "" {
			plain = out
		}
		if strings.Contains(out, "\x1b[") != tc.coloured {
			t.Errorf("%s: coloured is %v", tc.name, !tc.coloured)
		}
		if escapes.ReplaceAllString(out, "") != plain {
			t.Errorf("%s: without colours the patch is another one", tc.name)
		}
		if strings.Contains(stderr, "\x1b") {
			t.Errorf("%s: escape sequences on stderr: %q", tc.name, stderr)
		}
		if tc.coloured && !strings.Contains(out, ";7m") {
			t.Errorf("%s: nothing is highlighted within lines", tc.name)
		}
	}
}

// A report that cannot be written is an error that says whether the tree was changed.
func TestUnwritableOutput(t *testing.T) {
	dir := example(t)
	var stderr bytes.Buffer
	env := command.Env{Dir: dir, Stdout: full{}, Stderr: &stderr}
	if code := command.Main(t.Context(), []string{"check"}, env); code != command.ExitUsage || !strings.Contains(stderr.String(), "cannot write the report: no space") {
		t.Errorf("check: exit code %d, %s", code, &stderr)
	}
	stderr.Reset()
	if code := command.Main(t.Context(), []string{"diff", "-vet=false"}, env); code != command.ExitUsage || !strings.Contains(stderr.String(), "cannot write the patch: no space") {
		t.Errorf("diff: exit code %d, %s", code, &stderr)
	}
	stderr.Reset()
	if code := command.Main(t.Context(), []string{"apply", "-vet=false"}, env); code != command.ExitIncomplete || !strings.Contains(stderr.String(), "the changes are written, but") {
		t.Errorf("apply: exit code %d, %s", code, &stderr)
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }
