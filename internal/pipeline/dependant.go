package pipeline

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
	"etcdmod/internal/verify"
	"etcdmod/rewrite"
)

// Modules that are built with this one.
//
// They are compiled with the changes. Where that says nothing, since they do not build as they are, an
// exported declaration that they name keeps its type: nobody could tell what the change does there.

// A dependant is a module that replaces another one by its directory.
type dependant struct {
	root  string // absolute
	alone bool   // outside of every workspace
}

// builtWith compiles a module that replaces this one by its directory. Its own go.mod says
// what it is built with, so that this one's does not count there.
func (r *run) builtWith(ctx context.Context, d dependant, changed map[string][]byte, flags []string) (v verify.Judgement, err error) {
	overlay := map[string][]byte{}
	for name, text := range changed {
		if filepath.Ext(name) != ".go" || strings.Contains(filepath.ToSlash(name), "/vendor/") {
			continue
		}
		overlay[name] = text
		if rel, err := filepath.Rel(r.mod.Root, name); err == nil && filepath.IsLocal(rel) {
			for _, at := range r.spelled {
				overlay[filepath.Join(at, rel)] = text
			}
		}
	}
	if len(overlay) == 0 {
		return v, nil
	}
	v.Unjudged = map[string]string{}
	r.log("verifying %s, which is built with this module", r.mod.Rel(d.root))
	goCmd := gocmd.Runner{Dir: d.root, Env: r.Env, Layer: r.Layer} // GOWORK is its own affair
	if r.Bump.Offline {
		goCmd = goCmd.With("GOPROXY=off", "GONOPROXY=none")
	}
	if d.alone {
		goCmd = goCmd.With("GOWORK=off")
	}
	for _, c := range r.Configurations {
		res, err := r.check(ctx, verify.Request{Go: goCmd.With(c.settings()...), Overlay: overlay, Flags: r.flagsFor(c, flags...)})
		switch {
		case ctx.Err() != nil:
			return v, ctx.Err()
		case err != nil:
			why := "it is built with this module, and whether it builds with the change cannot be told: " + err.Error() + r.note(c)
			v.Skipped = append(v.Skipped, unverified(d.root, why))
			v.Unjudged[d.root] = why
		case !res.OK():
			v.Problems = res.New
			return v, nil
		default:
			r.unbuilt(&v, res, c)
		}
	}
	return v, nil
}

// unbuilt notes the packages of other modules that did not build before and do not with the changes: a
// compiler that stops at something else says nothing about what they use.
func (r *run) unbuilt(v *verify.Judgement, res *verify.Result, c Configuration) {
	for _, path := range res.Unbuilt {
		if r.mod.Packages[path] == nil && v.Unjudged[path] == "" {
			v.Unjudged[path] = "it does not build, with the change or without, so that nothing is known of what it does with this module" + r.note(c)
		}
	}
}

// refuseUnjudged refuses the rewrites that change an exported declaration which something names
// that could not be judged. It reports whether there are any.
func (r *run) refuseUnjudged(plan *rewrite.Plan, unjudged map[string]string) (any bool) {
	if r.near == nil || plan == nil {
		return false
	}
	for _, f := range rewriting(plan.Findings) {
		if who, why := r.near.unjudged(f.Exported, unjudged); who != "" {
			plan.Refuse(f, finding.Reason{Code: finding.UnjudgedUser, Detail: r.mod.Local(r.mod.Rel(who) + ": " + why), Pos: f.Pos})
			any = true
		}
	}
	return any
}

// unjudged returns who may use one of some exported declarations and cannot be judged, with the
// reason: a module that nobody can read may use all of them.
func (n *neighbourhood) unjudged(exported []string, unjudged map[string]string) (who, why string) {
	if len(exported) == 0 {
		return "", ""
	}
	if len(n.unknown) > 0 {
		return n.unknown[0].Path, n.unknown[0].Detail
	}
	for _, u := range n.used {
		why := unjudged[u.module]
		if why == "" {
			why = unjudged[u.Path]
		}
		if why != "" && slices.ContainsFunc(exported, n.named(u.files)) {
			return u.Dir, why
		}
	}
	return "", ""
}

// mutexWords are by which a file uses a mutex that is embedded in something else: it need not name it.
var mutexWords = []string{"Header", "IsOwner", "Key", "Lock", "TryLock", "Unlock"}

// named tells the exported declarations, with their packages, that some files may name.
func (n *neighbourhood) named(files []string) func(exported string) bool {
	var sources [][]byte
	for _, name := range files {
		if src, err := modules.ReadFile(name, rooted.GoFile); err == nil {
			sources = append(sources, src)
		}
	}
	has := func(word string) bool {
		return slices.ContainsFunc(sources, func(src []byte) bool { return hasWord(src, word) })
	}
	return func(exported string) bool {
		member := strings.Count(path.Base(exported), ".") > 1 // as lock.Service.Mutex
		return len(sources) < len(files) || has(lastName(exported)) || member && slices.ContainsFunc(mutexWords, has)
	}
}
