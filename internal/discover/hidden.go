package discover

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"etcdmod/internal/rooted"
)

// hidden reads the files below a directory that "./..." leaves out. What is a module or a repository
// of its own is none of it.
func (w *walker) hidden(dir string) {
	if filepath.Base(dir) == ".git" {
		return
	}
	entries, _ := os.ReadDir(dir)
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "go.mod" || e.Name() == ".git" }) {
		return
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if e.Name() != "vendor" && e.Name() != "node_modules" {
				w.hidden(name)
			}
			continue
		}
		if !e.Type().IsRegular() || filepath.Ext(name) != ".go" {
			continue
		}
		src, err := w.files.ReadFile(w.within(name), rooted.GoFile)
		if err != nil {
			continue // nothing builds it either
		}
		f, _ := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if f == nil {
			continue
		}
		if imports := importsOf(f); len(imports) > 0 {
			w.m.Hidden = append(w.m.Hidden, Ignored{Name: name, Imports: imports, Mention: w.mentioned(src, map[string]bool{})})
		}
	}
}

// unhide drops the files of directories that imports have led to.
func (w *walker) unhide() {
	w.m.Hidden = slices.DeleteFunc(w.m.Hidden, func(f Ignored) bool {
		rel, _ := below(w.m.Root, filepath.Dir(f.Name))
		return w.m.Packages[path.Join(w.m.Path, rel)] != nil
	})
}
