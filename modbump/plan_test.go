package modbump

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the findings and diffs of testdata")

// TestPlan runs each archive of testdata: go.mod in, findings and the user's
// diff out. Each is run again with CRLF line endings.
func TestPlan(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			gomod := archive.Files[0].Data
			given := 1
			var opts Options
			if archive.Files[1].Name == "options" {
				given, opts = 2, options(t, string(archive.Files[1].Data))
			}
			result, err := Plan("go.mod", gomod, opts)
			if err != nil {
				t.Fatal(err)
			}
			check(t, gomod, opts, result)

			var findings bytes.Buffer
			for _, f := range result.Findings {
				fmt.Fprintf(&findings, "%s\n", render(f))
			}
			got := []txtar.File{
				{Name: "findings", Data: findings.Bytes()},
				{Name: "diff", Data: diff.Diff("a/go.mod", gomod, "b/go.mod", result.Edited)},
			}
			if *update {
				archive.Files = append(archive.Files[:given], got...)
				if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if d := cmp.Diff(text(archive.Files[given:]), text(got)); d != "" {
				t.Errorf("-want +got (\"go test -update\" accepts it):\n%s", d)
			}

			crlf, err := Plan("go.mod", toCRLF(gomod), opts)
			if err != nil {
				t.Fatal(err)
			}
			check(t, toCRLF(gomod), opts, crlf)
			if d := cmp.Diff(string(toCRLF(result.Edited)), string(crlf.Edited)); d != "" {
				t.Errorf("with CRLF: -want +got:\n%s", d)
			}
			if d := cmp.Diff(result.Findings, crlf.Findings, cmpopts.IgnoreFields(Finding{}, "Edits")); d != "" {
				t.Errorf("findings differ with CRLF: -want +got:\n%s", d)
			}
		})
	}
}

// options reads what an archive says of the run:
//
//	all
//	to v3.3.13
//	missing path@version why
//	grpc v1.5.1
//	build path@version [=> path@version|dir [in go.work]] [linked|client] [via path@version...]
func options(t *testing.T, text string) Options {
	var opts Options
	for line := range strings.Lines(text) {
		if err := option(&opts, strings.Fields(line)); err != nil {
			t.Fatalf("option %q: %v", line, err)
		}
	}
	return opts
}

// option reads one line of options.
func option(opts *Options, f []string) error {
	version := func(s string) module.Version {
		path, v, _ := strings.Cut(s, "@")
		return module.Version{Path: path, Version: v}
	}
	if opts.Build == nil && len(f) > 1 && (f[0] == "build" || f[0] == "grpc") {
		opts.Build = &BuildList{}
	}
	switch {
	case len(f) == 1 && f[0] == "all":
		opts.All = true
	case len(f) == 2 && f[0] == "to":
		to, err := ParseTo(f[1])
		if err != nil {
			return err
		}
		opts.To = append(opts.To, to)
	case len(f) > 2 && f[0] == "missing":
		if opts.Missing == nil {
			opts.Missing = map[module.Version]string{}
		}
		opts.Missing[version(f[1])] = strings.Join(f[2:], " ")
	case len(f) == 2 && f[0] == "grpc":
		opts.Build.GRPC = f[1]
	case len(f) > 1 && f[0] == "build":
		s := Selected{Version: version(f[1])}
		for i := 2; i < len(f); i++ {
			switch more := i+1 < len(f); {
			case f[i] == "=>" && more:
				s.Replace = version(f[i+1])
			case f[i] == "in" && more:
				s.ReplacedIn = f[i+1]
			case f[i] == "linked":
				s.Linked = true
			case f[i] == "client":
				s.Linked, s.Client = true, true
			case f[i] == "via":
				for _, m := range f[i+1:] {
					s.Via = append(s.Via, version(m))
				}
			}
		}
		opts.Build.Modules = append(opts.Build.Modules, s)
	default:
		return errors.New("unknown")
	}
	return nil
}

// afterwards is what is known once the edits are made: the go command selects the targets.
func afterwards(opts Options, result *Result) Options {
	if opts.Build == nil {
		return opts
	}
	build := *opts.Build
	build.Modules = slices.Clone(build.Modules)
	for _, f := range result.Findings {
		for i := range build.Modules {
			m := &build.Modules[i]
			switch {
			case m.Path != f.Module || f.Action != Bump:
			case f.Replacement:
				m.Replace.Version = f.Target
			default:
				m.Version.Version = f.Target
			}
		}
	}
	opts.Build = &build
	return opts
}

// render prints a finding the way testdata has it.
func render(f Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:%d: %s", f.Line, f.Col, f.Action)
	if f.Reason != "" {
		fmt.Fprintf(&b, " %s", f.Reason)
	}
	if f.Target != "" {
		fmt.Fprintf(&b, " => %s", f.Target)
	}
	if f.Indirect {
		b.WriteString(" (indirect)")
	}
	fmt.Fprintf(&b, "\n\t%s", f.Message)
	return b.String()
}

func text(files []txtar.File) string {
	return string(txtar.Format(&txtar.Archive{Files: files}))
}

func toCRLF(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }

// check tests what holds for every go.mod that parses.
func check(t *testing.T, gomod []byte, opts Options, result *Result) {
	t.Helper()

	// Undoing the edits gives the input: nothing else was touched.
	var undone []byte
	rest := result.Edited
	last := 0
	for _, edit := range result.Edits {
		keep := edit.Start - last
		undone = append(append(undone, rest[:keep]...), edit.Old...)
		rest = rest[keep+len(edit.New):]
		last = edit.End
		if edit.Old != string(gomod[edit.Start:edit.End]) || edit.Old != "" && strings.ContainsAny(edit.Old+edit.New, " \t\r\n") {
			t.Errorf("not a token: %+v", edit)
		}
	}
	if undone = append(undone, rest...); !bytes.Equal(undone, gomod) {
		t.Errorf("undoing the edits gives\n%q, not\n%q", undone, gomod)
	}

	for _, f := range result.Findings {
		if f.Rule != Rule || f.Module == "" || f.Version == "" || f.Message == "" || f.Line < 1 || f.Col < 1 {
			t.Errorf("incomplete finding %+v", f)
		}
		if (f.Action == Bump) != (len(f.Edits) > 0) {
			t.Errorf("action %q with %d edits", f.Action, len(f.Edits))
		}
		if (f.Action == Bump) != (f.Reason == "") {
			t.Errorf("action %q with reason %q", f.Action, f.Reason)
		}
		if _, ok := f.Reason.Explain(); f.Reason != "" && !ok {
			t.Errorf("reason %q is not explained", f.Reason)
		}
	}

	// A second run changes nothing.
	again, err := Plan("go.mod", result.Edited, afterwards(opts, result))
	if err != nil {
		t.Fatalf("the edited file: %v", err)
	}
	if len(again.Edits) != 0 || !bytes.Equal(again.Edited, result.Edited) {
		t.Errorf("a second run edits %+v", again.Edits)
	}
}

// TestMessages: what a version does not suffer from is not claimed.
func TestMessages(t *testing.T) {
	for _, test := range []struct {
		version   string
		leak      bool
		falseHold bool
	}{
		{"v3.1.0", true, true},
		{"v3.1.20", true, false},
		{"v3.2.9", true, true},
		{"v3.2.10", false, true},
		{"v3.2.19", false, true},
		{"v3.2.20", false, true},
	} {
		result, err := Plan("go.mod", []byte("module m\nrequire github.com/coreos/etcd "+test.version+"+incompatible\n"), Options{})
		if err != nil || len(result.Findings) != 1 {
			t.Fatalf("%s: %v, %+v", test.version, err, result)
		}
		f := result.Findings[0]
		all := strings.Join(append(append([]string{f.Message}, f.Evidence...), f.Remains...), "\n")
		if got := strings.Contains(all, "leak") || strings.Contains(all, "8338"); got != test.leak {
			t.Errorf("%s: claims a leak: %v\n%s", test.version, got, all)
		}
		if got := strings.Contains(all, "10111"); got != test.falseHold {
			t.Errorf("%s: claims a false hold: %v\n%s", test.version, got, all)
		}
	}
}

// TestParseError: the error says where, and what to do.
func TestParseError(t *testing.T) {
	for _, test := range []struct {
		name, gomod, where, hint string
	}{
		{"bom", "\ufeffmodule m\n", "sub/go.mod:1: ", "byte order mark"},
		{"branch", "module m\nrequire github.com/coreos/etcd master\n", "sub/go.mod:2: ", "go mod tidy"},
		{"not incompatible", "module m\nrequire github.com/coreos/etcd v3.2.9\n", "sub/go.mod:2: ", "go mod tidy"},
		{"unknown directive", "module m\n\nfuture thing\n", "sub/go.mod:3: ", "by hand"},
		{"unknown block", "module m\nfuture (\n\tthing\n)\n", "sub/go.mod:2: ", "by hand"},
		{"conflict", "<<<<<<< HEAD\nmodule m\n", "sub/go.mod:1: ", "by hand"},
		{"unterminated", "module m\nrequire (\n\tgithub.com/coreos/etcd v3.2.9+incompatible\n", "sub/go.mod:4: ", "go mod edit -json"},
		{"arguments", "module m\nrequire github.com/coreos/etcd\n", "sub/go.mod:2: ", "go mod edit -json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := Plan("sub/go.mod", []byte(test.gomod), Options{})
			var parseErr *ParseError
			if !errors.As(err, &parseErr) || result != nil {
				t.Fatalf("got %+v, %v", result, err)
			}
			var list modfile.ErrorList
			if !errors.As(err, &list) {
				t.Errorf("modfile's error is lost: %T", parseErr.Err)
			}
			if !strings.HasPrefix(err.Error(), test.where) || !strings.Contains(parseErr.Hint, test.hint) {
				t.Errorf("got %q, want %q … %q", err, test.where, test.hint)
			}
		})
	}
}

// TestVerify: an edit that is not a bump is found out.
func TestVerify(t *testing.T) {
	gomod := []byte("module m\nrequire (\n\tgithub.com/coreos/etcd v3.2.9+incompatible\n\texample.com/x v1.0.0\n)\nreplace example.com/x => ../x\n")
	file, err := parse("go.mod", gomod)
	if err != nil {
		t.Fatal(err)
	}
	good, err := Plan("go.mod", gomod, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, edited := range map[string]string{
		"as it was":     string(gomod),
		"other target":  strings.Replace(string(gomod), "v3.2.9", "v3.2.10", 1),
		"other line":    strings.Replace(string(good.Edited), "v1.0.0", "v1.0.1", 1),
		"other replace": strings.Replace(string(good.Edited), "../x", "../y", 1),
		"more lines":    string(good.Edited) + "\n",
		"indirect":      strings.Replace(string(good.Edited), "v3.2.26+incompatible", "v3.2.26+incompatible // indirect", 1),
		"broken":        strings.Replace(string(good.Edited), "v3.2.26+incompatible", "v3.2.26", 1),
	} {
		if err := verify("go.mod", file, gomod, good.Edits, []byte(edited)); err == nil {
			t.Errorf("%s: not found out", name)
		}
	}
	if err := verify("go.mod", file, gomod, good.Edits, good.Edited); err != nil {
		t.Error(err)
	}
}

// FuzzPlan: no bytes make Plan panic, and whatever parsed before it parses
// after it with nothing but version tokens changed, whatever the build list has.
func FuzzPlan(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		given := ""
		if archive.Files[1].Name == "options" {
			given = string(archive.Files[1].Data)
		}
		f.Add(archive.Files[0].Data, given)
		f.Add(toCRLF(archive.Files[0].Data), "all\nbuild github.com/coreos/etcd@v3.2.9+incompatible client\n")
	}
	f.Fuzz(func(t *testing.T, gomod []byte, given string) {
		var opts Options
		for line := range strings.Lines(given) {
			_ = option(&opts, strings.Fields(line)) // what is no option is left out
		}
		file, parses := modfile.Parse("go.mod", gomod, nil)
		if parses == nil {
			opts.Build = possible(opts.Build, file)
		}
		result, err := Plan("go.mod", bytes.Clone(gomod), opts)
		if (err == nil) != (parses == nil) {
			t.Fatalf("modfile says %v, Plan %v", parses, err)
		}
		if err == nil {
			check(t, gomod, opts, result)
		}
	})
}

// possible makes of a build list one that the go command could give for a go.mod: valid
// versions, each module once, and none below what is required.
func possible(build *BuildList, file *modfile.File) *BuildList {
	if build == nil {
		return nil
	}
	out := &BuildList{}
	if semver.IsValid(build.GRPC) {
		out.GRPC = build.GRPC
	}
	for _, m := range build.Modules {
		if module.Check(m.Path, m.Version.Version) != nil || out.find(m.Path) != nil {
			continue
		}
		for _, require := range file.Require {
			if require.Mod.Path == m.Path && semver.Compare(require.Mod.Version, m.Version.Version) > 0 {
				m.Version = require.Mod
			}
		}
		if m.ReplacedIn == "" {
			m.Replace = module.Version{}
		}
		out.Modules = append(out.Modules, m)
	}
	return out
}
