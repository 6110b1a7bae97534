package bump

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/bump/gosum"
	"etcdmod/internal/importpath"
	"etcdmod/modbump"
)

// missing returns the requirements that would help against an error of the completion.
func (a *attempt) missing(ctx context.Context, err error) (need []module.Version, goVersion string) {
	var incomplete *gosum.IncompleteError
	var untidy *gosum.UntidyError
	switch {
	case errors.As(err, &untidy):
		return untidy.Wanted, untidy.Go
	case !errors.As(err, &incomplete):
		return nil, ""
	}
	return a.provided(ctx, incomplete.Packages, incomplete.Wanted), ""
}

// provided returns the requirements that provide packages: those of the policy, else of wanted.
// A package is the first word of a line.
func (a *attempt) provided(ctx context.Context, packages []string, wanted []module.Version) (need []module.Version) {
	if len(packages) == 0 {
		return nil
	}
	list, err := gosum.BuildList(ctx, a.Go, a.gomod, a.oldSum)
	if err != nil {
		return nil
	}
	built := func(path string) string {
		for _, m := range list {
			if m.Path == path {
				return m.Version
			}
		}
		return ""
	}
	for _, line := range packages {
		pkg, _, _ := strings.Cut(line, ": ")
		mod, ok := modbump.Provide(pkg, built)
		if ok && gosum.Available(ctx, a.Go, mod) != nil {
			ok = false
		}
		for _, w := range wanted {
			if !ok && importpath.Within(pkg, w.Path) {
				mod, ok = w, true
			}
		}
		if ok && !slices.Contains(need, mod) {
			need = append(need, mod)
		}
	}
	return need
}

// ungoverned reports whether one of the bumped modules has no go.mod of its own, so that
// nothing says with which versions of others it was built.
func (a *attempt) ungoverned() bool {
	return slices.ContainsFunc(a.bumps, func(b Bump) bool { return strings.HasSuffix(b.Target, "+incompatible") })
}

// pinned gives requirements that the go command asks for the versions that the policy knows,
// where the module is not in the build: the newest, which the go command takes, may not even
// compile with the client. What the policy does not know is left out. The go line that goes with
// the newest does not count then.
func (a *attempt) pinned(ctx context.Context, need []module.Version, goVersion string) ([]module.Version, string) {
	list, err := gosum.BuildList(ctx, a.Go, a.gomod, a.oldSum)
	if err != nil {
		return nil, ""
	}
	built := map[string]string{}
	for _, m := range list {
		built[m.Path] = m.Version
	}
	var out []module.Version
	for _, mod := range need {
		version, ok := built[mod.Path]
		if ok && version == mod.Version {
			out = append(out, mod)
			continue
		}
		goVersion = ""
		if version, ok = modbump.Provided(mod.Path); ok && built[mod.Path] == "" {
			out = append(out, module.Version{Path: mod.Path, Version: version})
		}
	}
	return out, goVersion
}
