package modbump

import (
	"go/version"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// Amend gives a go.mod the requirements that a bump entails: those that it has with a
// lower version are raised, those that it lacks are added and marked "// indirect". A
// language version that is higher than that of the go directive takes its place, and a toolchain
// directive that it implies goes, since the go command does not let that one stand. The
// name is used in errors only.
//
// Like Plan it touches nothing else. It gives the edits, in the order of the file, and
// the edited bytes.
func Amend(name string, gomod []byte, need []module.Version, raise string) ([]Edit, []byte, error) {
	file, err := parse(name, gomod)
	if err != nil {
		return nil, nil, err
	}
	var edits []Edit
	var add []module.Version
	for _, mod := range need {
		found := false
		for _, require := range file.Require {
			if require.Mod.Path != mod.Path {
				continue
			}
			found = true
			if semver.Compare(require.Mod.Version, mod.Version) >= 0 {
				continue
			}
			e, err := bumpRequire(gomod, require, mod.Version)
			if err != nil {
				return nil, nil, err
			}
			edits = append(edits, e)
		}
		if !found {
			add = append(add, mod)
		}
	}
	now := goVersion(file)
	raised := raise != "" && file.Go != nil && version.Compare("go"+raise, "go"+now) > 0
	if raised {
		now = raise
	}
	edits = append(edits, addRequires(gomod, file, now, add)...)
	if raised {
		e, err := setGo(gomod, file, raise)
		if err != nil {
			return nil, nil, err
		}
		edits = append(edits, e)
		if file.Toolchain != nil && file.Toolchain.Name == "go"+raise {
			edits = append(edits, dropToolchain(gomod, file))
		}
	}
	return finish(name, file, gomod, edits)
}

// goVersion returns the language version of a go.mod; "" where it does not say.
func goVersion(file *modfile.File) string {
	if file.Go == nil {
		return ""
	}
	return file.Go.Version
}

// finish makes the edits and verifies the result.
func finish(name string, file *modfile.File, gomod []byte, edits []Edit) ([]Edit, []byte, error) {
	if len(edits) == 0 {
		return nil, gomod, nil
	}
	edits = tidyEdits(edits)
	edited := apply(gomod, edits)
	if err := verify(name, file, gomod, edits, edited); err != nil {
		return nil, nil, err
	}
	return edits, edited, nil
}
