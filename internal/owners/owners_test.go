package owners

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names prints owners, optional ones with a question mark.
func names(owners []Owner) string {
	var out []string
	for _, o := range owners {
		if o.Optional {
			o.Name += "?"
		}
		out = append(out, o.Name)
	}
	return strings.Join(out, " ")
}

// A row is a CODEOWNERS file, and who owns what by it.
type row struct {
	name, text string
	owners     map[string]string // by path
	problems   []int             // lines
}

func check(t *testing.T, syntax Syntax, rows []row) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			f, err := Parse("CODEOWNERS", r.text, Auto)
			if err != nil {
				t.Fatal(err)
			}
			if f.Syntax != syntax {
				t.Errorf("syntax %d was told, want %d", f.Syntax, syntax)
				f, _ = Parse("CODEOWNERS", r.text, syntax)
			}
			for path, want := range r.owners {
				if got := names(f.Of(path)); got != want {
					t.Errorf("%s: %q, want %q", path, got, want)
				}
			}
			var lines []int
			for _, p := range f.Problems {
				if len(lines) == 0 || lines[len(lines)-1] != p.Line {
					lines = append(lines, p.Line)
				}
			}
			if d := cmp.Diff(r.problems, lines); d != "" {
				t.Errorf("problems -want +got:\n%s%+v", d, f.Problems)
			}
		})
	}
}

// What docs.github.com says in "About code owners".
func TestGitHub(t *testing.T) {
	check(t, GitHub, []row{
		{
			name: "the example of the documentation",
			text: `# A comment.
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/ @octocat
/apps/github
`,
			owners: map[string]string{
				"some/deeply/nested.rb":  "@global-owner1 @global-owner2",
				"a/b.js":                 "@js-owner",
				"a/b.go":                 "docs@example.com",
				"notes.txt":              "@octo-org/octocats",
				"build/other":            "@global-owner1 @global-owner2",
				"build/logs/x":           "@octocat", // the later **/logs
				"deeply/nested/logs/f":   "@octocat",
				"docs/getting.md":        "@doctocat",
				"docs/build/trouble.md":  "@doctocat",
				"a/docs/x.md":            "@global-owner1 @global-owner2",
				"scripts/x.sh":           "@doctocat @octocat",
				"a/scripts/x.sh":         "@global-owner1 @global-owner2",
				"some/apps/x":            "@octocat",
				"apps/x":                 "@octocat",
				"apps/github/main.go":    "", // nobody on purpose
				"apps/githubber/main.go": "@octocat",
			},
		},
		{
			name:   "docs/* is not recursive",
			text:   "docs/* docs@example.com\n",
			owners: map[string]string{"docs/a.md": "docs@example.com", "docs/b/a.md": ""},
		},
		{
			name:     "what gitignore knows and GitHub does not",
			text:     "* @a\n!x.go @b\n\\#x @b\n[ab].go @b @c\n*.rb @d\n",
			owners:   map[string]string{"x.go": "@a", "a.go": "@a", "#x": "@a", "x.rb": "@d"},
			problems: []int{2, 3, 4},
		},
		{
			name:     "a line that nobody understands does not take the others with it",
			text:     "* @a\n*.go no-owner\n/ @c\n*.rb @d\n",
			owners:   map[string]string{"x.go": "@a", "x.rb": "@d"},
			problems: []int{2},
		},
		{
			name:   "a byte order mark and CRLF",
			text:   "\ufeff* @a\r\n/x\\ y/ @b\r\n",
			owners: map[string]string{"z": "@a", "x y/z": "@b"},
		},
	})
}

// What docs.gitlab.com says in "Syntax of CODEOWNERS file" and "Advanced CODEOWNERS
// configuration".
func TestGitLab(t *testing.T) {
	check(t, GitLab, []row{
		{
			name: "sections are told apart",
			text: "* @admin\n\n[README Owners]\nREADME.md @user1 @user2\ninternal/README.md @user4\n\n[README other owners]\nREADME.md @user3\n",
			owners: map[string]string{
				"README.md":          "@admin @user1 @user2 @user3",
				"internal/README.md": "@admin @user4 @user3",
				"main.go":            "@admin",
			},
		},
		{
			name: "default owners",
			text: "[Documentation] @docs-team\ndocs/\nREADME.md\n\n[Database][2] @database-team @agarcia\nmodel/db/\nconfig/db/setup.md @docs-team\n",
			owners: map[string]string{
				"docs/a/b.md":        "@docs-team",
				"x/README.md":        "@docs-team",
				"model/db/x.go":      "@database-team @agarcia",
				"config/db/setup.md": "@docs-team",
				"main.go":            "",
			},
		},
		{
			name: "entries without a section count besides",
			text: "* @general\n[Documentation] @docs-team\ndocs/\n*.txt\n[Database] @db\nmodel/db/\n",
			owners: map[string]string{
				"model/db/CHANGELOG.txt": "@general @docs-team @db",
			},
		},
		{
			name: "names in any case are combined",
			text: "[Documentation]\nee/docs/ @docs\ndocs/ @docs\n[Database]\nREADME.md @database\n[DOCUMENTATION]\nREADME.md @docs\n",
			owners: map[string]string{
				"README.md": "@docs @database", "ee/docs/a": "@docs",
			},
		},
		{
			name: "optional, unless the same section is required elsewhere",
			text: "[Ruby]\n*.rb @root\n^[Go]\n*.go @gophers\n*.both @gophers\n[All]\n*.both @gophers\n^[C]\n*.c @c\n[c]\n*.h @c\n",
			owners: map[string]string{
				"x.rb": "@root", "x.go": "@gophers?", "x.both": "@gophers", "x.c": "@c", "x.h": "@c",
			},
		},
		{
			name: "exclusions",
			text: "* @default\n!pom.xml\n!**/generated/\n[Ruby]\n*.rb @ruby-team\n!/config/**/*.rb\n/config/routes.rb @ops\n",
			owners: map[string]string{
				"pom.xml": "", "a/generated/x/y.go": "", "x.rb": "@default @ruby-team", "config/a/x.rb": "@default", "config/routes.rb": "@default",
			},
		},
		{
			name: "the last match of a section",
			text: "[S]\n*.md @doc-team\nterms.md @legal-team\n",
			owners: map[string]string{
				"terms.md": "@legal-team", "a/terms.md": "@legal-team", "other.md": "@doc-team",
			},
		},
		{
			name: "paths",
			text: "[S]\n/README.md @root\ninternal/README.md @internal\n/docs/ @all\n/docs/*.md @md\n/docs/index.* @index\n/docs/*spec* @spec\n/docs/*/README.md @deeper\n" +
				"/db/**/index.md @db\nlib @exact\npath\\ with\\ spaces/ @spaces\n\\#pound.rb @pound\n.hidden/*.go @dot\n",
			owners: map[string]string{
				"README.md":               "@root",
				"x/README.md":             "",
				"internal/README.md":      "@internal",
				"docs/internal/README.md": "@deeper",
				"a/b/internal/README.md":  "@internal",
				"docs/a/b/c.txt":          "@all",
				"docs/x.md":               "@md",
				"docs/index.html":         "@index",
				"docs/qa_specs.rb":        "@spec",
				"docs/api/README.md":      "@deeper",
				"docs/a/api/README.md":    "@all",
				"db/index.md":             "@db",
				"db/a/b/index.md":         "@db",
				"lib":                     "@exact",
				"lib/x.go":                "",
				"path with spaces/x":      "@spaces",
				"#pound.rb":               "@pound",
				"a/.hidden/x.go":          "@dot",
			},
		},
		{
			name: "owners: groups, roles, addresses, and words that are none",
			text: "[S]\n/path/* @group user_without @user_with\n/b @group/sub/deeper @@maintainer jane.doe@example.com\n/c # of @somebody\n",
			owners: map[string]string{
				"path/x": "@group @user_with", "b": "@group/sub/deeper @@maintainer jane.doe@example.com", "c": "@somebody",
			},
			problems: []int{2},
		},
		{
			name:     "a heading that nobody can read is an entry",
			text:     "[Docs]\ndocs/**/* @group\n[Section name\ndocs/ @docs_group\nzero/\n",
			owners:   map[string]string{"docs/a": "@docs_group", "zero/x": ""},
			problems: []int{3, 5},
		},
		{
			name:   "braces are themselves",
			text:   "[S]\n*.{a,b} @x\n",
			owners: map[string]string{"x.a": "", "x.{a,b}": "@x"},
		},
		{
			name:     "addresses with more in them than letters are none",
			text:     "[S]\n* $(touch)@a.b\n/x -o@a.b\n/y a\u202e@b.c\n/z a.b+c@d-e.f\n",
			owners:   map[string]string{"w": "", "x": "", "y": "", "z": "a.b+c@d-e.f"},
			problems: []int{2, 3, 4},
		},
	})
}

// What a command would take for a flag owns nothing.
func TestFlags(t *testing.T) {
	check(t, GitHub, []row{{
		name:     "flag",
		text:     "* -x@example.com @ok\n",
		owners:   map[string]string{"a": "@ok"},
		problems: []int{1},
	}})
}

// A file that nobody has written by hand costs neither time nor memory, and is not read in part.
func TestTooMany(t *testing.T) {
	for _, rule := range []string{"*x @a\n", "[S]\n", "\n"} {
		text := strings.Repeat(rule, maxLines)
		if _, err := Parse("CODEOWNERS", text, Auto); err != nil {
			t.Error(err)
		}
		if f, err := Parse("CODEOWNERS", text+rule, Auto); f != nil || err == nil || !strings.Contains(err.Error(), "CODEOWNERS has 20001 lines") {
			t.Errorf("%v, %v", f, err)
		}
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want := func(name, owner string, syntax Syntax) {
		t.Helper()
		f, err := Find(root)
		if err != nil || f == nil || f.Name != name || f.Syntax != syntax || names(f.Of("x.go")) != owner {
			t.Errorf("%+v, %v; want %s", f, err, name)
		}
	}
	f, err := Find(root)
	if f != nil || err != nil || f.Of("x") != nil {
		t.Errorf("there is none: %+v, %v", f, err)
	}
	write(".gitlab/CODEOWNERS", "* @gitlab\n")
	want(".gitlab/CODEOWNERS", "@gitlab", GitLab)
	write("docs/CODEOWNERS", "* @docs\n")
	want("docs/CODEOWNERS", "@docs", GitHub)
	write("CODEOWNERS", "* @root\n")
	want("CODEOWNERS", "@root", GitHub)
	write(".github/CODEOWNERS", "* @github\n")
	want(".github/CODEOWNERS", "@github", GitHub)
	if f, err := Read(root, "nowhere", Auto); f != nil || err == nil {
		t.Errorf("nowhere: %+v, %v", f, err)
	}
}
