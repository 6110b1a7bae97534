// Package importpath answers questions about the import paths of packages and modules.
//
// It takes paths as they stand in an import or a go.mod, and gives whether one lies below another and
// whether the go command's rule for internal directories keeps it from somebody. It never looks at
// files, knows no module, and cleans no path: names of files are for package pathname.
package importpath

import (
	"iter"
	"slices"
	"strings"
)

// Within reports whether a path is root, or lies below it.
func Within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// WithinAny reports whether a path is one of the roots, or lies below one.
func WithinAny(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return Within(path, root) })
}

// Above yields a path and all that it lies below, the longest first.
func Above(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for end := len(path); end > 0 && yield(path[:end]); {
			end = strings.LastIndexByte(path[:end], '/')
		}
	}
}

// Internal reports whether only packages below a directory may import path.
func Internal(path string) bool { return strings.Contains("/"+path+"/", "/internal/") }

// MayImport reports whether the rule for internal directories lets the package from
// import path: what lies below a directory named internal is for the tree around it.
func MayImport(from, path string) bool {
	i := strings.LastIndex("/"+path+"/", "/internal/")
	if i <= 0 {
		return i < 0
	}
	return Within(from, path[:i-1])
}
