package pathname

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, name := range []string{"a", "a/b.go", ".github/CODEOWNERS", ".gitignore", "x.git/y", "a b", "é", ".gitx", "git~10", "a..b/c"} {
		if err := Check(name); err != nil {
			t.Errorf("%q %v", name, err)
		}
	}
	for _, name := range []string{
		"", ".", "..", "../a", "a/../b", "a//b", "a/", "/a", `a\b`, "C:x", "a\x00b", "\xff", strings.Repeat("a/", 4000) + "a",
		".git", ".git/HEAD", ".GIT/HEAD", "a/.Git", "a/.git /x", ".git./x", ".git. . /x", "GIT~1/config", ".git::$INDEX_ALLOCATION/x", ".g\u200cit/x", "a/.gi\ufe0ft", "\u2066.git",
	} {
		if Check(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"a/b", ".git/x", "a/.GIT ./b", "..", `C:\x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if Check(name) == nil && (HasGit(name) || !filepath.IsLocal(filepath.FromSlash(name))) {
			t.Errorf("%q is taken", name)
		}
	})
}
