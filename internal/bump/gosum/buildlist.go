package gosum

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
)

// A Module is one module of a build list.
type Module struct {
	Path, Version string
	Main          bool
	Replace       *Module // what is built instead; a directory has no Version
}

// BuildList returns what the go command selects for the module in r.Dir when its go.mod
// and go.sum are gomod and gosum: all modules, by minimal version selection, the way
// "go list -m all" tells it. Where requirements of others are higher than those in the
// go.mod the list has them, which is what the go command would write into it.
//
// It looks at the module alone, also within a workspace, and at its requirements also
// when it is vendored. It needs the go.mod of every module in the graph; one that cannot
// be had is an error.
func BuildList(ctx context.Context, r gocmd.Runner, gomod, gosum []byte) ([]Module, error) {
	s, err := newScratchOf(r, gomod, gosum)
	if err != nil {
		return nil, err
	}
	defer s.remove()
	out, err := r.With("GOWORK=off").Run(ctx, "list", "-m", "-json", "-mod=mod", "-modfile="+s.modfile(), "all")
	if err != nil {
		return nil, explain(err)
	}
	return decoded(out)
}

// Together returns the build list of the workspace that r.Dir is in, with the files as they are
// there. It is that of no single module: requirements of all of them count.
func Together(ctx context.Context, r gocmd.Runner) ([]Module, error) {
	out, err := r.Run(ctx, "list", "-m", "-json", "all")
	if err != nil {
		return nil, explain(err)
	}
	return decoded(out)
}

// decoded reads what "go list -m -json" printed.
func decoded(out []byte) ([]Module, error) {
	var list []Module
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var m Module
		if err := dec.Decode(&m); err != nil {
			return nil, fmt.Errorf("go list -m -json all: %w", err)
		}
		list = append(list, m)
	}
	// It begins with the module that it is of: where that is missing, more may be.
	if !slices.ContainsFunc(list, func(m Module) bool { return m.Main }) {
		return nil, errors.New("go list -m -json all: the go command does not list the module itself, and not why")
	}
	return list, nil
}

// Settled returns the requirements that the go command would raise or add so that the
// go.mod agrees with minimal version selection, and the go line that it would raise it
// to, "" for none. It looks at modules alone: requirements for packages are not among them.
func Settled(ctx context.Context, r gocmd.Runner, gomod, gosum []byte) (need []module.Version, goVersion string, err error) {
	s, err := newScratchOf(r, gomod, gosum)
	if err != nil {
		return nil, "", err
	}
	defer s.remove()
	out, err := r.With("GOWORK=off").Run(ctx, "list", "-m", "-mod=mod", "-modfile="+s.modfile(), "-f", "{{.Path}} {{.Version}}", "all")
	if err != nil {
		return nil, "", explain(err)
	}
	d, err := s.drift()
	if err != nil || len(d.dropped) == 0 {
		return d.requirements, d.goVersion, err
	}
	// A requirement that another one outdoes is dropped where modules are not pruned. To
	// raise it comes to the same, and keeps the line.
	for line := range strings.Lines(string(out)) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		if was, ok := d.dropped[path]; ok && was != version {
			d.requirements = append(d.requirements, module.Version{Path: path, Version: version})
		}
	}
	slices.SortFunc(d.requirements, func(a, b module.Version) int { return strings.Compare(a.Path, b.Path) })
	return d.requirements, d.goVersion, nil
}

// Available tells whether a module version can be had: nil, or an error that says why
// not. It downloads the module.
func Available(ctx context.Context, r gocmd.Runner, mod module.Version) error {
	s, err := newScratch(r, []byte("module scratch\n"), nil)
	if err != nil {
		return err
	}
	defer s.remove()
	_, err = download(ctx, r.In(s.dir).With("GOWORK=off"), s, []module.Version{mod})
	return err
}

// Chain returns the modules through which a module version comes into the build of the
// module in r.Dir: one of its requirements first, one that requires the version last. It
// is nil where the go command does not tell.
func Chain(ctx context.Context, r gocmd.Runner, gomod, gosum []byte, to module.Version) []module.Version {
	s, err := newScratchOf(r, gomod, gosum)
	if err != nil {
		return nil
	}
	defer s.remove()
	out, err := r.With("GOWORK=off").Run(ctx, "mod", "graph", "-modfile="+s.modfile())
	if err != nil {
		return nil
	}
	return chain(string(out), to)
}

// Holder returns the module that requires a version, of those that mods bring into a build;
// false where the go command does not tell. Unlike with [Chain] the mods need not be selected
// themselves.
func Holder(ctx context.Context, r gocmd.Runner, mods []module.Version, of module.Version) (module.Version, bool) {
	s, err := newScratchThrough(r, mods)
	if err != nil {
		return module.Version{}, false
	}
	defer s.remove()
	out, err := r.In(s.dir).With("GOWORK=off").Run(ctx, "mod", "graph")
	if err != nil {
		return module.Version{}, false
	}
	way := chain(string(out), of)
	if len(way) < 2 { // the first one is of the scratch directory
		return module.Version{}, false
	}
	return way[len(way)-1], true
}

// chain finds the shortest way in the output of "go mod graph".
func chain(graph string, to module.Version) []module.Version {
	next := make(map[string][]string)
	first := ""
	for line := range strings.Lines(graph) {
		from, to, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		if first == "" {
			first = from // the main module
		}
		next[from] = append(next[from], to)
	}
	came := map[string]string{first: ""}
	for queue := []string{first}; len(queue) > 0; queue = queue[1:] {
		for _, n := range next[queue[0]] {
			if _, seen := came[n]; seen {
				continue
			}
			came[n] = queue[0]
			queue = append(queue, n)
		}
	}
	var way []module.Version
	for at := came[to.String()]; at != "" && at != first; at = came[at] {
		path, version, _ := strings.Cut(at, "@")
		way = append([]module.Version{{Path: path, Version: version}}, way...)
	}
	return way
}

// newScratchOf is newScratch for a go.mod that may lack a go directive.
func newScratchOf(r gocmd.Runner, gomod, gosum []byte) (*scratch, error) {
	file, err := modules.ParseGoMod("go.mod", gomod)
	if err != nil {
		return nil, err
	}
	return newScratch(r, withGo(file, gomod), gosum)
}

// Vendored returns what a vendor/modules.txt says: the modules of which packages were
// vendored, and those that the go.mod requires.
func Vendored(modulesTxt []byte) []Module {
	var list []Module
	for line := range strings.Lines(string(modulesTxt)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "#" {
			continue
		}
		m := Module{Path: f[1]}
		rest := f[2:]
		if rest[0] != "=>" {
			m.Version, rest = rest[0], rest[1:]
		}
		if len(rest) > 1 && rest[0] == "=>" {
			m.Replace = &Module{Path: rest[1]}
			if len(rest) > 2 {
				m.Replace.Version = rest[2]
			}
		}
		if m.Version == "" {
			continue // repeats a replace without a version
		}
		list = append(list, m)
	}
	return list
}
