package modbump

import (
	"fmt"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// A Way is what else to change in the go.mod together with a bump. The zero Way changes
// nothing else.
type Way struct {
	// Require are requirements for [Amend].
	Require []module.Version
	// Replace is for [Replace], before that: the version with which the module of that path is
	// replaced.
	Replace module.Version
	// Why is the line of the plan for it.
	Why string
}

// String names what the way changes, as a directive; it is "" for the zero Way.
func (w Way) String() string {
	switch {
	case w.Replace.Path != "":
		return replaceDirective(w.Replace)
	case len(w.Require) > 0:
		return fmt.Sprintf("require %s %s", w.Require[0].Path, w.Require[0].Version)
	}
	return ""
}

// Ways lists what may have to change together with a bump to target for it to compile: the
// version of google.golang.org/grpc, which a client without a go.mod does not ask for. They
// are in the order in which to try them; the first with which the module builds is the one.
// There is always at least one.
//
// A lower version of grpc is raised as little as will do. Where none is built, one is
// required. A higher one is let be unless pin is set, since a replace lowers it for
// everything in the build, not for the client alone.
func Ways(gomod []byte, target module.Version, build *BuildList, pin bool) []Way {
	w, ok := windowOf(target.Path, target.Version)
	file, err := parse("go.mod", gomod)
	if !ok || err != nil || build == nil {
		return []Way{{}}
	}
	var ways []Way
	if selected := build.find(target.Path); selected != nil && !selected.Client {
		ways = append(ways, Way{}) // without its client the module hardly needs grpc
	}
	need := fmt.Sprintf("%s compiles with %s %s", target, grpcPath, w)
	switch {
	case w.holds(build.GRPC):
		return []Way{{}}
	case build.GRPC == "" && target.Path == pathCoreOS:
		ways = append(ways, added(file, w, need))
	case build.GRPC == "":
		return []Way{{}} // its go.mod asks for it
	case w.Min != "" && semver.Compare(build.GRPC, w.Min) < 0:
		if target.Path != pathCoreOS {
			return []Way{{}} // its go.mod raises it
		}
		for _, version := range w.Raise {
			ways = append(ways, required(file, version, fmt.Sprintf("%s, and %s is lower", need, build.GRPC)))
		}
	case pin && w.Pin != "":
		mod := module.Version{Path: grpcPath, Version: w.Pin}
		ways = append(ways, Way{Replace: mod, Why: fmt.Sprintf("go.mod: %s is added: %s, and %s is built; whatever else is built with grpc gets the lower version as well",
			replaceDirective(mod), need, build.GRPC)})
	}
	ways = possibleWays(file, ways)
	if len(ways) == 0 {
		return []Way{{}}
	}
	return ways
}

// added is the way that requires grpc where nothing that is built does. A replace directive does
// not require it; one by a version with which the client does not compile is raised as well.
func added(file *modfile.File, w Window, need string) Way {
	mod := module.Version{Path: grpcPath, Version: w.Pin}
	replace := replaceOfPath(file, grpcPath)
	why := "%s is added: %s, and nothing that is built requires it"
	switch {
	case replace == nil:
		return Way{Require: []module.Version{mod}, Why: fmt.Sprintf("go.mod: "+why, mod, need)}
	case w.holds(replace.New.Version):
		mod.Version = replace.New.Version
		return Way{Require: []module.Version{mod}, Why: fmt.Sprintf("go.mod: "+why, mod, need)}
	}
	return Way{Require: []module.Version{mod}, Replace: mod, Why: fmt.Sprintf("go.mod: what replaces %s is raised to %s, and "+why, mod.Path, mod.Version, mod, need)}
}

// required is the way that has grpc at a version at least.
func required(file *modfile.File, version, why string) Way {
	mod := module.Version{Path: grpcPath, Version: version}
	if replaceOfPath(file, grpcPath) != nil {
		return Way{Replace: mod, Why: fmt.Sprintf("go.mod: what replaces %s is raised to %s: %s", mod.Path, version, why)}
	}
	for _, require := range file.Require {
		if require.Mod.Path == grpcPath {
			return Way{Require: []module.Version{mod}, Why: fmt.Sprintf("go.mod: %s is raised from %s to %s: %s", mod.Path, require.Mod.Version, version, why)}
		}
	}
	return Way{Require: []module.Version{mod}, Why: fmt.Sprintf("go.mod: %s is added: %s", mod, why)}
}

// possibleWays leaves out what the go.mod forbids.
func possibleWays(file *modfile.File, ways []Way) []Way {
	var out []Way
	replace := replaceOfPath(file, grpcPath)
	for _, w := range ways {
		foreign := replace != nil && (replace.New.Path != grpcPath || replace.New.Version == "")
		barred := len(w.Require) > 0 && excluded(file, w.Require[0])
		if w.String() == "" || !foreign && !barred {
			out = append(out, w)
		}
	}
	return out
}

// replaceOfPath returns the replace directive that decides over a module, as far as the go.mod
// alone tells which version of it is built.
func replaceOfPath(file *modfile.File, path string) *modfile.Replace {
	for _, require := range file.Require {
		if require.Mod.Path == path {
			return replaceOf(file, require.Mod)
		}
	}
	return replaceOf(file, module.Version{Path: path})
}

// Replace replaces a module by itself at a version: the replace directive that decides over it
// gets the version, or one is added behind the last one. It gives the edits, and the edited
// bytes; the name is used in errors only.
func Replace(name string, gomod []byte, mod module.Version) ([]Edit, []byte, error) {
	file, err := parse(name, gomod)
	if err != nil {
		return nil, nil, err
	}
	if replace := replaceOfPath(file, mod.Path); replace != nil && replace.New.Path == mod.Path && replace.New.Version != "" {
		e, err := bumpReplace(gomod, replace, mod.Version)
		if err != nil {
			return nil, nil, err
		}
		return finish(name, file, gomod, []Edit{e})
	}
	return finish(name, file, gomod, []Edit{addReplace(gomod, file, mod)})
}
