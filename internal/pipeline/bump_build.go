package pipeline

import (
	"context"
	"errors"
	"etcdmod/internal/rooted"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/gosum"
	"etcdmod/internal/modules"
	"etcdmod/modbump"
)

// suspicious reports whether anything in the files of the module says that a client may be
// built that the policy has something to say about. Without it no go command is needed:
// whatever is built stands in go.sum, or in vendor/modules.txt.
func (r *run) suspicious() bool {
	texts := [][]byte{r.mod.GoMod, r.goSum}
	names := []string{filepath.Join(r.mod.Root, "vendor", "modules.txt")}
	if r.mod.Workspace != "" {
		names = append(names, r.mod.Workspace, r.mod.Workspace+".sum")
	}
	for _, name := range names {
		if data, err := modules.ReadFile(name, rooted.SumFile); err == nil {
			texts = append(texts, data)
		}
	}
	for _, text := range texts {
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			for i := 0; i+1 < len(f); i++ {
				version := strings.TrimSuffix(strings.Trim(f[i+1], `"`), "/go.mod")
				path := strings.Trim(f[i], `"`)
				if !modbump.KnownPath(path) {
					continue
				}
				if _, bad := modbump.Judge(path, version); bad || version == "=>" {
					return true
				}
			}
		}
	}
	return false
}

// buildList asks what is built of etcd's modules. It returns nil, and says so, where that
// cannot be told; then the requirements are judged as they stand.
func (r *run) buildList(ctx context.Context) (*modbump.BuildList, error) {
	list, err := r.modules(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, gocmd.ErrNoGo):
		return nil, nil // who needs it will say so
	case err != nil:
		r.skip(r.mod.GoModFile, finding.SkipBuildList, err.Error())
		return nil, nil
	}
	replaced := r.workspaceReplaces()
	linked := r.linkage(ctx)
	build := &modbump.BuildList{}
	for _, m := range list {
		if m.Path == "google.golang.org/grpc" {
			build.GRPC = m.Version
			if m.Replace != nil {
				build.GRPC = m.Replace.Version
			}
		}
		if m.Main || !modbump.KnownPath(m.Path) {
			continue
		}
		s := modbump.Selected{Version: module.Version{Path: m.Path, Version: m.Version}}
		if m.Replace != nil {
			s.Replace = module.Version{Path: m.Replace.Path, Version: m.Replace.Version}
		}
		if by, ok := replaced(s.Version); ok {
			s.Replace, s.ReplacedIn = by, r.mod.Workspace
			if rel, err := filepath.Rel(r.mod.Root, r.mod.Workspace); err == nil {
				s.ReplacedIn = filepath.ToSlash(rel)
			}
		}
		s.Linked, s.Client = linked(m.Path)
		if _, bad := modbump.Judge(m.Path, m.Version); bad && !r.requires(m.Path) {
			s.Via = gosum.Chain(ctx, r.goCmd, r.mod.GoMod, r.goSum, s.Version)
		}
		build.Modules = append(build.Modules, s)
	}
	return build, nil
}

// modules returns the build list. That of a vendored module is what was vendored.
func (r *run) modules(ctx context.Context) ([]gosum.Module, error) {
	if data, err := modules.ReadFile(filepath.Join(r.mod.Root, "vendor", "modules.txt"), rooted.ModFile); err == nil {
		return gosum.Vendored(data), nil
	}
	r.log("asking for the build list")
	return gosum.BuildList(ctx, r.goCmd, r.mod.GoMod, r.goSum)
}

// requires reports whether the go.mod requires a module.
func (r *run) requires(path string) bool {
	file, err := modules.ParseGoMod(r.mod.GoModFile, r.mod.GoMod)
	return err == nil && file.Requires(path)
}

// workspaceReplaces returns a function that gives what the go.work replaces a module
// version by.
func (r *run) workspaceReplaces() func(module.Version) (module.Version, bool) {
	none := func(module.Version) (module.Version, bool) { return module.Version{}, false }
	if r.mod.Workspace == "" {
		return none
	}
	data, err := modules.ReadFile(r.mod.Workspace, rooted.ModFile)
	if err != nil {
		return none
	}
	work, err := modules.ParseGoWork(r.mod.Workspace, data)
	if err != nil {
		return none
	}
	return func(mod module.Version) (module.Version, bool) { return modules.Replacement(work.Replace, mod) }
}

// linkage returns a function that tells whether a package of a module is part of what is
// built or tested, and whether one of its client is. Where the go command does not tell,
// both are taken for granted.
func (r *run) linkage(ctx context.Context) func(path string) (linked, client bool) {
	type link struct{ linked, client bool }
	links := map[string]*link{}
	note := func(mod, pkg string) {
		if links[mod] == nil {
			links[mod] = &link{}
		}
		links[mod].linked = true
		links[mod].client = links[mod].client || modbump.ClientPackage(pkg)
	}
	r.log("asking which packages of etcd are part of what is built")
	args := append([]string{"list", "-e", "-deps", "-test", "-f", "{{with .Module}}{{.Path}}{{end}} {{.ImportPath}}"}, r.flagsFor(r.Configurations[0])...)
	args = append(args, "./...")
	if r.hasTools() {
		args = append(args, "tool")
	}
	out, err := r.goFor(r.Configurations[0]).Run(ctx, args...)
	for line := range strings.Lines(string(out)) {
		mod, pkg, _ := strings.Cut(strings.TrimSpace(line), " ")
		if modbump.KnownPath(mod) {
			note(mod, pkg)
		}
	}
	// What other build configurations import counts as well: go.mod is for all of them.
	for _, p := range r.mod.Packages {
		imports := slices.Clone(p.Files)[:0]
		for ip := range p.Imports {
			imports = append(imports, ip)
		}
		for _, f := range p.Ignored {
			imports = append(imports, f.Imports...)
		}
		for _, ip := range imports {
			if mod, ok := modbump.ModuleOf(ip); ok {
				note(mod, ip)
			}
		}
	}
	return func(path string) (bool, bool) {
		if err != nil {
			return true, true
		}
		if l := links[path]; l != nil {
			return l.linked, l.client
		}
		return false, false
	}
}

// importers returns the import paths of the packages that import one of a module.
func (r *run) importers(mod string) []string {
	var out []string
	for _, p := range r.mod.Packages {
		for ip := range p.Imports {
			if ip == mod || strings.HasPrefix(ip, mod+"/") {
				out = append(out, p.Path)
				break
			}
		}
	}
	slices.Sort(out)
	return out
}
