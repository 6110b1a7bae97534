package owners

import (
	"strings"
	"testing"
	"time"
)

// Whatever a CODEOWNERS file says, it is read in time, and says the same each time.
func FuzzParse(f *testing.F) {
	deep := strings.Repeat("a/", 60) + "b"
	f.Add("* @a\n/docs/ @b c@d.e\n!x @c\n", "docs/x")
	f.Add("^[S][2] @a\nx/** \n[T]\n{a,b} @c\n\\#x @d", "x/y")
	f.Add(strings.Repeat("**/*a*/", 30)+"c @a\n[S]\n"+strings.Repeat("**/*/", 30)+"c @b\n", deep)
	f.Add(strings.Repeat("*a", 60)+"c @a\n", strings.Repeat("a", 200))
	f.Fuzz(func(t *testing.T, text, path string) {
		if len(text) > 1<<12 || len(path) > 1<<10 {
			return
		}
		for _, syntax := range []Syntax{Auto, GitHub, GitLab} {
			begun := time.Now()
			file, err := Parse("CODEOWNERS", text, syntax)
			if err != nil {
				t.Fatal(err)
			}
			owned := file.Of(path)
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("syntax %d: %s for %q in %q", syntax, took, path, text)
			}
			if again := file.Of(path); len(again) != len(owned) {
				t.Errorf("%v, then %v", owned, again)
			}
			for _, o := range owned {
				if !IsOwner(o.Name) {
					t.Errorf("%q owns something", o.Name)
				}
			}
		}
	})
}
