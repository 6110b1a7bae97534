package discover

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"etcdmod/internal/modules"
)

// A PatternError is a package pattern that names nothing in the module.
type PatternError struct {
	Pattern string
	Module  string // path
	Hint    string
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("%q matches no package of module %s; %s", e.Pattern, e.Module, e.Hint)
}

// Match returns the import paths of the packages that the patterns mean in dir, as the go
// command understands them: relative and absolute directories, import paths, "..." for
// any text, and "all" for every package of the module. A pattern that matches nothing is
// a *[PatternError].
func (m *Module) Match(dir string, patterns []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, pattern := range patterns {
		fail := func(hint string) (map[string]bool, error) {
			return nil, &PatternError{pattern, m.Path, hint}
		}
		if strings.HasSuffix(pattern, ".go") {
			return fail("name its package, not a file")
		}
		ip := strings.TrimSuffix(pattern, "/")
		if IsDir(pattern) {
			name := filepath.FromSlash(pattern)
			if !filepath.IsAbs(name) {
				name = filepath.Join(dir, name)
			}
			rel, ok := below(m.Root, name)
			if !ok {
				return fail("it is outside " + m.Root + "; use -C dir for another module")
			}
			ip = path.Join(m.Path, rel)
			if root := modules.Above(filepath.Join(m.Root, filepath.FromSlash(rel))); root != m.Root {
				return fail(fmt.Sprintf("%s is a module of its own; use -C for it", m.Rel(root)))
			}
		} else if pattern == "all" {
			ip = m.Path + "/..."
		}
		matches := matcher(ip)
		found := false
		for have := range m.Packages {
			if matches(have) {
				out[have], found = true, true
			}
		}
		if !found {
			return fail("packages are directories with Go files; testdata, vendor and names that begin with . or _ are left out, but for what a package of the module imports")
		}
	}
	return out, nil
}

// IsDir reports whether a pattern is the name of a directory.
func IsDir(pattern string) bool {
	slashed := filepath.ToSlash(pattern)
	return slashed == "." || slashed == ".." || strings.HasPrefix(slashed, "./") || strings.HasPrefix(slashed, "../") ||
		filepath.IsAbs(pattern)
}

// matcher returns a function that tests an import path: "..." stands for any text, and
// "x/..." also means x.
func matcher(pattern string) func(string) bool {
	expr := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\.\.\.`, `.*`)
	if strings.HasSuffix(expr, `/.*`) {
		expr = strings.TrimSuffix(expr, `/.*`) + `(/.*)?`
	}
	return regexp.MustCompile(`^` + expr + `$`).MatchString
}
