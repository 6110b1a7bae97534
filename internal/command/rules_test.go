package command_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"etcdmod/internal/command"
	"etcdmod/rewrite"
)

// Each rule has one file, a header comment with the code before and after, a folder of
// scripts in which that very code is found and becomes what the header says, and a page of
// explain that is the header. Nothing else has any of these.
func TestRulesAreDocumented(t *testing.T) {
	var files, ids []string
	names, err := filepath.Glob("../../rewrite/rule_*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if base := filepath.Base(name); !strings.HasSuffix(base, "_test.go") {
			files = append(files, strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(base, "rule_"), ".go"), "_", "-"))
		}
	}
	for _, r := range rewrite.Rules {
		ids = append(ids, r.ID)
	}
	slices.Sort(files)
	slices.Sort(ids)
	if !slices.Equal(files, ids) {
		t.Errorf("files of rules: %q\nrules: %q", files, ids)
	}
	folders, err := os.ReadDir("../../testdata/rule")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !slices.Contains(ids, folder.Name()) {
			t.Errorf("testdata/rule/%s is the folder of no rule", folder.Name())
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		t.Run(id, func(t *testing.T) {
			header := header(t, id)
			_, page, _ := run(t, command.Env{}, "explain", id)
			if page != header {
				t.Errorf("explain says:\n%s\nthe header says:\n%s", page, header)
			}
			if !strings.HasPrefix(header, id+": ") {
				t.Errorf("the header begins with %q", firstLine(header))
			}
			if !strings.Contains(header, "\nWhy it is safe: ") && !strings.Contains(header, "\nWhy it is not rewritten: ") {
				t.Error("the header gives no safety argument")
			}
			if !strings.Contains(string(readme), "- `"+id+"`: ") {
				t.Error("the README does not list it")
			}
			found := false
			code := "" // of the scripts, without white space
			for _, name := range glob(t, filepath.Join("../../testdata/rule", id, "*.txtar")) {
				archive, err := txtar.ParseFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range archive.Files {
					code += squeeze(string(f.Data))
					found = found || strings.HasSuffix(f.Name, ".out") && strings.Contains(string(f.Data), ": "+id+": ")
				}
			}
			if !found {
				t.Error("no script of its folder has a finding")
			}
			before, after := examples(header)
			if len(before) == 0 || len(after) == 0 {
				t.Fatalf("%d examples before, %d after", len(before), len(after))
			}
			for _, example := range append(before, after...) {
				if !strings.Contains(code, squeeze(example)) {
					t.Errorf("no script of its folder has\n%s", example)
				}
			}
		})
	}
}

// named are the files that name a rule besides its own, with the reason.
var named = map[string]string{
	"internal/finding/finding.go":       "what counts for the exit code depends on it",
	"internal/testkit/sample/sample.go": "an example of a report",
}

// What is special to a rule stands in its file: no other code asks which rule a finding is of.
func TestRulesAreNamedInTheirFiles(t *testing.T) {
	var ids []string
	for _, r := range rewrite.Rules {
		ids = append(ids, r.ID)
	}
	of := regexp.MustCompile(`\b(` + strings.Join(ids, "|") + `)\b`)
	used := map[string]bool{}
	source(t, func(rel string, fset *token.FileSet, f *ast.File) {
		for n := range ast.Preorder(f) {
			lit, ok := n.(*ast.BasicLit)
			if !ok || !of.MatchString(lit.Value) || strings.HasPrefix(rel, "rewrite/rule_") {
				continue
			}
			used[rel] = true
			if named[rel] == "" {
				t.Errorf("%s: %s belongs into the file of the rule: a field of its row may say what is asked here", fset.Position(lit.Pos()), lit.Value)
			}
		}
	})
	for name := range named {
		if !used[name] {
			t.Errorf("%s needs no exception any more", name)
		}
	}
}

// header returns the comment that opens the file of a rule, as explain is to print it.
func header(t *testing.T, id string) string {
	t.Helper()
	name := filepath.Join("../../rewrite", "rule_"+strings.ReplaceAll(id, "-", "_")+".go")
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	if f.Doc == nil {
		t.Fatalf("%s has no header", name)
	}
	title, rest, _ := strings.Cut(f.Doc.Text(), "\n\n")
	title = strings.TrimSuffix(title, ".")
	return title + "\n\n" + rest
}

// examples returns the indented blocks below the lines that begin with Before and After.
func examples(header string) (before, after []string) {
	var to *[]string
	open := false
	for line := range strings.Lines(header) {
		switch {
		case strings.HasPrefix(line, "Before"):
			to = &before
		case strings.HasPrefix(line, "After"):
			to = &after
		case strings.HasPrefix(line, "Why"):
			to = nil
		}
		switch indented := strings.HasPrefix(line, "\t"); {
		case to == nil:
		case indented && open:
			(*to)[len(*to)-1] += line
		case indented:
			*to, open = append(*to, line), true
		case strings.TrimSpace(line) != "":
			open = false
		}
	}
	return before, after
}

// squeeze takes white space away.
func squeeze(text string) string {
	return strings.NewReplacer(" ", "", "\t", "", "\n", "").Replace(text)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	return names
}
