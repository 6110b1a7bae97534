package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"

	"etcdmod/internal/rooted"

	"golang.org/x/mod/module"

	"etcdmod/internal/discover"
	"etcdmod/internal/gitcmd"
	"etcdmod/internal/helper"
	"etcdmod/internal/modules"
	"etcdmod/rewrite"
)

// CheckHelperDir says what is wrong with the name of a directory for the helper package,
// slash-separated and relative to the root of the module.
func CheckHelperDir(dir string) error {
	switch {
	case path.IsAbs(dir) || filepath.IsAbs(dir) || filepath.VolumeName(dir) != "":
		return errors.New("it is relative to the root of the module")
	case dir != path.Clean(dir) || dir == "." || dir == ".." || strings.HasPrefix(dir, "../"):
		return errors.New("name a directory below the root of the module, without . and .. in the name")
	}
	if err := module.CheckImportPath(dir); err != nil {
		return fmt.Errorf("it makes no import path: %w", err)
	}
	for _, elem := range strings.Split(dir, "/") {
		if elem == "vendor" || elem == "testdata" || elem[0] == '_' || elem[0] == '.' {
			return fmt.Errorf("the go command does not look for packages in %s", elem)
		}
	}
	if name := path.Base(dir); !token.IsIdentifier(name) || name == "main" || strings.HasSuffix(name, "_test") {
		return fmt.Errorf("the package gets the name of its directory, and %q cannot be one", name)
	}
	return nil
}

// helperDir is the directory of the helper package relative to the root of the module.
func (o *Options) helperDir() string {
	if o.HelperDir == "" {
		return helper.DefaultDir
	}
	return o.HelperDir
}

// generated returns the absolute directory where the helper package goes. Neither another
// module, another repository nor a symbolic link may be on the way.
func (r *run) generated() (string, error) {
	fail := func(format string, args ...any) (string, error) {
		err := fmt.Errorf(format, args...)
		if r.HelperDir != "" {
			err = fmt.Errorf("-helper-dir=%s: %w", r.HelperDir, err)
		}
		return "", err
	}
	dir := r.mod.Root
	for _, elem := range strings.Split(r.helperDir(), "/") {
		dir = filepath.Join(dir, elem)
		info, err := os.Lstat(dir)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return fail("%w", err)
		case !info.IsDir():
			return fail("%s is no directory", r.mod.Rel(dir))
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return fail("%s is a module of its own; name a package there with -helper-import", r.mod.Rel(dir))
		}
		if modules.Repository(dir) == dir {
			return fail("%s is a git repository of its own", r.mod.Rel(dir))
		}
	}
	return dir, nil
}

// untracked says why a commit would not have what is put into dir, or "".
func (r *run) untracked(ctx context.Context, dir string) string {
	root := modules.Resolved(r.mod.Root) // git looks at nothing beyond a symbolic link
	if modules.Repository(root) == "" {
		return ""
	}
	git := gitcmd.New(root, r.Env)
	for _, name := range helper.Files {
		// It exits with 0 where the name is ignored, and says which pattern does it.
		said, err := git.Line(ctx, "check-ignore", "--verbose", "--", filepath.Join(root, filepath.FromSlash(r.helperDir()), name))
		if err == nil && said != "" {
			pattern, _, _ := strings.Cut(said, "\t")
			return "git ignores " + filepath.ToSlash(r.mod.Rel(filepath.Join(dir, name))) + " by " + pattern
		}
	}
	return ""
}

// readFiles reads the named files of a directory, or all if names is nil.
func readFiles(dir string, names []string) map[string][]byte {
	files := map[string][]byte{}
	if names == nil {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return files
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	for _, name := range names {
		if src, err := modules.ReadFile(filepath.Join(dir, name), rooted.GoFile); err == nil {
			files[name] = src
		}
	}
	return files
}

// existing finds the helper package that -helper-import names: in this module, in another
// one of the workspace, or in one that go.mod requires.
func (r *run) existing(ctx context.Context) (*rewrite.Helper, error) {
	name := r.HelperImport
	fail := func(format string, args ...any) (*rewrite.Helper, error) {
		return nil, fmt.Errorf("-helper-import=%s: %w", name, fmt.Errorf(format, args...))
	}
	args := append([]string{"list", "-e", "-find", "-json=Name,Dir,GoFiles,Module,Error"}, r.flagsFor(r.Configurations[0])...)
	out, err := r.goFor(r.Configurations[0]).Run(ctx, append(args, "--", name)...)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return fail("%w", err)
	}
	var pkg struct {
		Name, Dir string
		GoFiles   []string
		Module    *struct {
			Path string
			Main bool
		}
		Error *struct{ Err string }
	}
	switch err := json.Unmarshal(out, &pkg); {
	case err != nil:
		return fail("reading the output of go list: %w", err)
	case pkg.Error != nil:
		return fail("%s", r.mod.Local(pkg.Error.Err))
	case pkg.Module == nil:
		return fail("it is a package of the standard library")
	}
	has, err := helper.Describe(readFiles(pkg.Dir, pkg.GoFiles))
	if err != nil {
		return fail("no helper package: %w", err)
	}
	if pkg.Module.Main && pkg.Module.Path != r.mod.Path {
		// The workspace provides it; without the workspace nothing would.
		file, err := modules.ParseGoModLax(r.mod.GoModFile, r.mod.GoMod)
		if err != nil {
			return fail("%w", err)
		}
		if !file.Requires(pkg.Module.Path) {
			return fail("go.mod does not require %s, which only %s provides; require it first", pkg.Module.Path, r.mod.Rel(r.mod.Workspace))
		}
	}
	return &rewrite.Helper{Import: name, Name: pkg.Name, Client: has.Concurrency, Parts: has.Parts}, nil
}

// CheckHelperImport says what is wrong with the import path of a helper package.
func CheckHelperImport(name string) error {
	if discover.IsDir(name) {
		return errors.New("name the package by its import path, not by its directory")
	}
	return module.CheckImportPath(name)
}
