package rollout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
	"etcdmod/internal/rollout/state"
)

// source finds out what the results come from. It looks at the whole tree, before a shard is
// cut out of it.
func (r *run) source(ctx context.Context) (Source, error) {
	s := Source{Modules: len(r.tree.Modules), Settings: r.settings(ctx)}
	s.Commit, s.Date = gitcmd.New(r.repo, r.Pipeline.Env).Head(ctx)
	h := sha256.New()
	for _, m := range r.tree.Modules {
		dir, workspace := r.tree.Abs(m.Dir), m.Workspace
		if workspace != "" {
			workspace = r.rel(r.tree.Abs(workspace))
		}
		fmt.Fprintf(h, "%q in %q: %s\n", r.rel(dir), workspace, state.SumFile(filepath.Join(dir, "go.mod")))
	}
	fmt.Fprintf(h, "owners %s\n", r.ownersSum())
	s.Tree = hex.EncodeToString(h.Sum(nil))
	return s, ctx.Err()
}

// settings lists what makes a difference to the results. What does not is how many modules
// are looked at at a time, and how long one may take: a failure may be for want of that.
func (r *run) settings(ctx context.Context) Settings {
	p := r.Pipeline
	p.Patterns = nil // they are those of each module
	s := Settings(p.Settings())
	set := func(name, value string) {
		if value != "" {
			s[name] = value
		}
	}
	set("root", r.rel(r.tree.Root))
	set("-by", string(r.By))
	if len(r.Services) > 0 {
		set("-service", fmt.Sprintf("%q", r.Services))
	}
	if r.Ignored {
		set("-ignored", "true")
	}
	set("GOFLAGS", known(modules.GoFlags(p.Env)))
	set("GOWORK", relative(modules.GoWorkSetting(p.Env), r.repo))
	// Elsewhere than in the tree, which may ask for another version.
	here := gocmd.Runner{Dir: os.TempDir(), Env: p.Env}.With("GOWORK=off", "GOTOOLCHAIN=local")
	out, err := here.Run(ctx, "env", "-json", "GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED", "GOEXPERIMENT")
	var vars map[string]string
	if err == nil && json.Unmarshal(out, &vars) == nil {
		for name, value := range vars {
			set(name, value)
		}
	}
	return s
}

// ownersSum is the checksum of the CODEOWNERS file.
func (r *run) ownersSum() string {
	if r.Owners == nil {
		return ""
	}
	return fmt.Sprintf("%d %s", r.Owners.Syntax, state.SumNamed(pathname.Absolute(r.repo, r.Owners.Name)))
}

// known gives the flags whose values say how packages are built, and a hash of the others:
// those may hold what is nobody's business.
func known(flags []string) string {
	var out []string
	rest := sha256.New()
	other := false
	for _, f := range flags {
		name, _, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		switch name {
		case "tags", "mod", "race", "msan", "asan", "trimpath", "buildvcs", "modcacherw", "pgo", "buildmode", "compiler":
			out = append(out, f)
		default:
			other = true
			fmt.Fprintf(rest, "%q\n", f)
		}
	}
	if other {
		out = append(out, "and others, sha256:"+hex.EncodeToString(rest.Sum(nil))[:16])
	}
	return strings.Join(out, " ")
}
