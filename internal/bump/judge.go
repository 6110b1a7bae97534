package bump

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/bump/gosum"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/importpath"
	"etcdmod/internal/modules"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
	"etcdmod/modbump"
)

// Judge says what the policy has against what the go.mod requires and what is built of it.
func Judge(ctx context.Context, m Module, opts Options) (*Verdict, error) {
	v := &Verdict{opts: opts, policy: modbump.Options{All: opts.All, To: opts.To}}
	if err := v.judge(m); err != nil {
		return nil, err
	}
	sum, err := modules.ReadFile(m.sumFile(), rooted.SumFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	v.goSum = sum
	if m.suspicious(v.goSum) {
		var skipped []finding.Skip
		if v.policy.Build, skipped, err = m.buildList(ctx, v.goSum); err != nil {
			return nil, err
		}
		v.Skipped = skipped
	}
	return v, v.judge(m)
}

// judge judges with what is known by now.
func (v *Verdict) judge(m Module) error {
	plan, err := modbump.Plan(m.GoModFile, m.GoMod, v.policy)
	if err != nil {
		return err
	}
	v.plan, v.Bumps = plan, nil
	code, why := m.obstacle(v)
	for _, f := range plan.Findings {
		if f.Action == modbump.Bump && code != "" {
			f.Action, f.Reason, f.Edits = modbump.Refuse, code, nil
			f.Message += "; " + why
		}
		v.Bumps = append(v.Bumps, Bump{Finding: f})
	}
	Identify(v.Bumps, m.Path)
	if v.chosen != nil {
		v.Choose(v.chosen)
	}
	return nil
}

// obstacle says why no bump can be made in the module, whatever the versions are; "" where
// nothing is in the way.
func (m Module) obstacle(v *Verdict) (code finding.Code, why string) {
	names := []string{m.GoModFile, m.sumFile()}
	for _, d := range m.vendored() {
		list := vendorList(d.Home)
		names = append(names, filepath.Dir(list), list)
		if dir := filepath.Dir(list); modules.Repository(dir) == dir {
			return finding.Vendored, fmt.Sprintf("%s is a git repository of its own, which is not for this run to change; bump, and vendor there, by hand", m.Rel(dir))
		}
	}
	for _, name := range names {
		if to, err := os.Readlink(name); err == nil {
			return finding.SymbolicLink, fmt.Sprintf("%s is a symbolic link to %s, and a bump would change what is there", m.Rel(name), quote.Name(to))
		}
	}
	if m.vendoredTogether() {
		return m.apart(v)
	}
	return "", ""
}

func (m Module) sumFile() string { return filepath.Join(m.Root, "go.sum") }

// suspicious reports whether anything in the files of the module says that a client may be
// built that the policy has something to say about. Without it no go command is needed:
// whatever is built stands in go.sum, or in vendor/modules.txt.
func (m Module) suspicious(goSum []byte) bool {
	texts := [][]byte{m.GoMod, goSum}
	names := []string{vendorList(m.Root)}
	if m.Workspace != "" {
		names = append(names, m.Workspace, m.Workspace+".sum", vendorList(filepath.Dir(m.Workspace)))
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
func (m Module) buildList(ctx context.Context, goSum []byte) (*modbump.BuildList, []finding.Skip, error) {
	list, err := m.modules(ctx, goSum)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case errors.Is(err, gocmd.ErrNoGo):
		return nil, nil, nil // who needs it will say so
	case err != nil:
		return nil, []finding.Skip{{Path: m.GoModFile, Reason: finding.SkipBuildList, Detail: err.Error()}}, nil
	}
	replaced := m.workspaceReplaces()
	linked := m.linkage(ctx)
	build := &modbump.BuildList{}
	for _, built := range list {
		if built.Path == "google.golang.org/grpc" {
			build.GRPC = built.Version
			if built.Replace != nil {
				build.GRPC = built.Replace.Version
			}
		}
		if built.Main || !modbump.KnownPath(built.Path) {
			continue
		}
		s := modbump.Selected{Version: module.Version{Path: built.Path, Version: built.Version}}
		if built.Replace != nil {
			s.Replace = module.Version{Path: built.Replace.Path, Version: built.Replace.Version}
		}
		if by, ok := replaced(s.Version); ok {
			s.Replace, s.ReplacedIn = by, m.Workspace
			if rel, err := filepath.Rel(m.Root, m.Workspace); err == nil {
				s.ReplacedIn = filepath.ToSlash(rel)
			}
		}
		s.Linked, s.Client = linked(built.Path)
		if _, bad := modbump.Judge(built.Path, built.Version); bad && !m.requires(built.Path) {
			s.Via = gosum.Chain(ctx, m.Go, m.GoMod, goSum, s.Version)
		}
		build.Modules = append(build.Modules, s)
	}
	return build, nil, nil
}

// modules returns the build list. That of a vendored module is what was vendored.
func (m Module) modules(ctx context.Context, goSum []byte) ([]gosum.Module, error) {
	if m.vendoredAlone() {
		data, err := modules.ReadFile(vendorList(m.Root), rooted.ModFile)
		if list := gosum.Vendored(data); err == nil && m.inStep(list) {
			return list, nil
		}
	}
	m.Log("asking for the build list")
	list, err := gosum.BuildList(ctx, m.Go, m.GoMod, goSum)
	if err == nil || m.Workspace == "" || ctx.Err() != nil {
		return list, err
	}
	// Only the workspace may have, or replace, what the module requires, which is never built alone
	// then. What other modules of it ask for is not what this one does.
	together, wrong := gosum.Together(ctx, m.List)
	if wrong != nil {
		return nil, err
	}
	for path, version := range requirements(m.GoMod) {
		for i := range together {
			if together[i].Path == path {
				together[i].Version = version
			}
		}
	}
	return together, nil
}

// requires reports whether the go.mod requires a module.
func (m Module) requires(path string) bool {
	file, err := modules.ParseGoMod(m.GoModFile, m.GoMod)
	return err == nil && file.Requires(path)
}

// workspaceReplaces returns a function that gives what the go.work replaces a module
// version by.
func (m Module) workspaceReplaces() func(module.Version) (module.Version, bool) {
	none := func(module.Version) (module.Version, bool) { return module.Version{}, false }
	if m.Workspace == "" {
		return none
	}
	data, err := modules.ReadFile(m.Workspace, rooted.ModFile)
	if err != nil {
		return none
	}
	work, err := modules.ParseGoWork(m.Workspace, data)
	if err != nil {
		return none
	}
	return func(mod module.Version) (module.Version, bool) { return modules.Replacement(work.Replace, mod) }
}

// linkage returns a function that tells whether a package of a module is part of what is
// built or tested, and whether one of its client is. Where the go command does not tell,
// both are taken for granted.
func (m Module) linkage(ctx context.Context) func(path string) (linked, client bool) {
	type link struct{ linked, client bool }
	links := map[string]*link{}
	note := func(mod, pkg string) {
		if links[mod] == nil {
			links[mod] = &link{}
		}
		links[mod].linked = true
		links[mod].client = links[mod].client || modbump.ClientPackage(pkg)
	}
	m.Log("asking which packages of etcd are part of what is built")
	args := append([]string{"list", "-e", "-deps", "-test", "-f", "{{with .Module}}{{.Path}}{{end}} {{.ImportPath}}"}, m.Flags...)
	args = append(args, "./...")
	if m.hasTools() {
		args = append(args, "tool")
	}
	out, err := m.List.Run(ctx, args...)
	for line := range strings.Lines(string(out)) {
		mod, pkg, _ := strings.Cut(strings.TrimSpace(line), " ")
		if modbump.KnownPath(mod) {
			note(mod, pkg)
		}
	}
	// What other build configurations import counts as well: go.mod is for all of them.
	for _, p := range m.Packages {
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
func (m Module) importers(mod string) []string {
	var out []string
	for _, p := range m.Packages {
		for ip := range p.Imports {
			if importpath.Within(ip, mod) {
				out = append(out, p.Path)
				break
			}
		}
	}
	slices.Sort(out)
	return out
}
