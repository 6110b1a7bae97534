package command

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/discover"
	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// each runs f for each module that has some of the packages, with settings for that module, and
// gives the worst outcome. As for the go command, a go.work has to use them all.
func (s *settings) each(ctx context.Context, env *Env, f func(*settings) error) error {
	parts, err := s.parts(env)
	if err != nil {
		return err
	}
	if len(parts) == 1 {
		return f(parts[0])
	}
	worst := &exit{}
	for _, one := range parts {
		err := f(one)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		worst.add(env, one.dir, err)
	}
	if worst.code == ExitOK {
		return nil
	}
	return worst
}

// parts divides the packages by the modules that have them.
func (s *settings) parts(env *Env) ([]*settings, error) {
	members := modules.Together(s.dir, env.Environ)
	here := modules.Above(s.dir)
	if len(s.patterns) == 0 || len(members) == 0 || here != "" && !among(members, here) {
		return []*settings{s}, nil
	}
	var parts []*settings
	add := func(root, pattern string) {
		dir := root
		if root == here || root == "" {
			dir = s.dir
		}
		i := slices.IndexFunc(parts, func(p *settings) bool { return p.dir == dir })
		if i < 0 {
			one := *s
			one.dir, one.patterns = dir, nil
			i, parts = len(parts), append(parts, &one)
		}
		parts[i].patterns = append(parts[i].patterns, pattern)
	}
	for _, pattern := range s.patterns {
		if !discover.IsDir(pattern) {
			roots := having(members, pattern)
			if len(roots) == 0 {
				roots = []string{here} // which says that it has no such package
			}
			for _, root := range roots {
				if modules.Resolved(root) == modules.Resolved(here) {
					root = here
				}
				add(root, pattern)
			}
			continue
		}
		name := filepath.FromSlash(pattern)
		if !filepath.IsAbs(name) {
			name = filepath.Join(s.dir, name)
		}
		root := modules.Above(fixed(name))
		rel, err := filepath.Rel(root, name)
		if root == here || !among(members, root) || err != nil {
			add(here, pattern)
			continue
		}
		add(root, "./"+filepath.ToSlash(rel))
	}
	if len(parts) > 1 || parts[0].dir != s.dir {
		return parts, s.joined(env, parts)
	}
	return parts, nil
}

// joined makes what several modules have in common, and reports what can only be for one.
func (s *settings) joined(env *Env, parts []*settings) error {
	var roots []string
	for _, one := range parts {
		root := modules.Above(one.dir)
		if root == "" {
			return usage("%s is in no module; name packages of the modules that the go.work uses", one.dir)
		}
		if err := s.own(env, root); err != nil {
			return err
		}
		roots = append(roots, root)
		// A file that is named on the command line is for all of them.
		own := filepath.Join(root, DefaultConfigFile)
		if _, err := os.Lstat(own); err == nil && own != s.file && (s.file == "" || filepath.Base(s.file) == DefaultConfigFile) {
			return usage("%s has settings for that module alone; run there, with -C %s", own, root)
		}
	}
	if len(parts) > 1 && s.whole() {
		return usage("-format=%s: it is a file about one module, and the packages are in %d; \"etcdmod rollout -format %s\" is about many", s.format, len(parts), s.format)
	}
	if len(parts) > 1 && len(s.only.Findings) > 0 {
		return usage("-finding is one of one module, and the packages are in %d; name packages of that one", len(parts))
	}
	repo, err := sharedRoot(s.dir, roots)
	if err != nil {
		return err
	}
	for _, one := range parts {
		one.repo = repo
	}
	return nil
}

// own makes sure that a module which a go.work names is of the tree that the command is given in. A go.work
// may be one of a repository, and what that says is not where this writes.
func (s *settings) own(env *Env, root string) error {
	dir, real := modules.Resolved(s.dir), modules.Resolved(root)
	repo := modules.Repository(dir)
	if repo == "" {
		work, _ := modules.First(s.dir, env.Environ)
		if pathname.Below(dir, real) || pathname.Below(modules.Resolved(filepath.Dir(work)), real) {
			return nil
		}
	} else if modules.Repository(real) == repo {
		return nil
	}
	return usage("%s is outside of the tree that %s is in, and a go.work names it; run there, with -C %s", quote.Name(root), quote.Name(s.dir), quote.Name(root))
}

// fixed is the directory that all matches of a pattern are in.
func fixed(pattern string) string {
	before, _, wild := strings.Cut(pattern, "...")
	if !wild {
		return pattern
	}
	return filepath.Dir(before + "x")
}

// having returns the modules that may have packages which an import path, or a pattern of
// some, names.
func having(members []string, pattern string) (roots []string) {
	if pattern == "all" {
		return members
	}
	before, _, wild := strings.Cut(strings.TrimSuffix(pattern, "/"), "...")
	longest := ""
	for _, root := range members {
		data, err := modules.ReadFile(filepath.Join(root, "go.mod"), rooted.ModFile)
		if err != nil {
			continue // who builds it says so
		}
		name := modules.ModulePath(data)
		switch {
		case wild && strings.HasPrefix(name+"/", before):
			roots = append(roots, root)
		case (before == name || strings.HasPrefix(before, name+"/")) && len(name) > len(longest):
			longest = name
			roots = append(slices.DeleteFunc(roots, func(r string) bool { return !wild }), root)
		}
	}
	return roots
}

// among reports whether a directory is one of some, whatever links lead there.
func among(dirs []string, dir string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return modules.Resolved(d) == modules.Resolved(dir) })
}
