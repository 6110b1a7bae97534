package bump

import (
	"bytes"
	"go/version"

	"golang.org/x/mod/module"

	"etcdmod/internal/modules"
	"etcdmod/modbump"
)

// fewNamed is how many requirements or files are named that something happens to for one reason.
const fewNamed = 3

// amend gives the go.mod more requirements, and says so.
func (a *attempt) amend(need []module.Version, goVersion, why string) error {
	if len(need) == 0 && goVersion == "" {
		return nil
	}
	_, edited, err := modbump.Amend(a.GoModFile, a.gomod, need, goVersion)
	if err != nil || bytes.Equal(edited, a.gomod) {
		return err
	}
	// From go 1.17 on the go.mod names every module of which a package is built.
	all := !lists(a.GoMod) && lists(edited)
	was := requirements(a.gomod)
	var added []module.Version
	for _, mod := range need {
		if old, ok := was[mod.Path]; ok {
			a.note("go.mod: %s is raised from %s to %s: %s", mod.Path, old, mod.Version, why)
		} else {
			added = append(added, mod)
		}
	}
	if all {
		why = "a package of it is built, and with the raised go line the go.mod has to say so"
	}
	if all && len(added) > fewNamed {
		a.note("go.mod: %d requirements are added: packages of them are built, and with the raised go line the go.mod has to say so", len(added))
		added = nil
	}
	for _, mod := range added {
		a.note("go.mod: %s is added: %s", mod, why)
	}
	if goVersion != "" {
		implied := ""
		if file, err := modules.ParseGoMod(a.GoModFile, a.gomod); err == nil && file.Toolchain == "go"+goVersion {
			implied = "; it implies the toolchain line " + file.Toolchain + ", which goes"
		}
		a.note("go.mod: the go line is raised to %s, which a module that is required now asks for%s", goVersion, implied)
	}
	a.gomod, a.amended = edited, true
	return nil
}

// follow gives the go.mod what else a way of making the bumps changes, and says so.
func (a *attempt) follow(way modbump.Way) error {
	edited := a.gomod
	var err error
	if way.Replace.Path != "" {
		if _, edited, err = modbump.Replace(a.GoModFile, edited, way.Replace); err != nil {
			return err
		}
	}
	if len(way.Require) > 0 {
		if _, edited, err = modbump.Amend(a.GoModFile, edited, way.Require, ""); err != nil {
			return err
		}
	}
	if bytes.Equal(edited, a.gomod) {
		return nil
	}
	a.note("%s", way.Why)
	a.gomod, a.amended = edited, true
	return nil
}

// lists reports whether a go.mod is of a language version from which on it lists indirect
// requirements.
func lists(gomod []byte) bool {
	file, err := modules.ParseGoModLax("go.mod", gomod)
	return err == nil && file.Go != "" && version.Compare("go"+file.Go, "go1.17") >= 0
}

// requirements maps the modules that a go.mod requires to their versions.
func requirements(gomod []byte) map[string]string {
	file, err := modules.ParseGoModLax("go.mod", gomod)
	if err != nil {
		return map[string]string{}
	}
	return file.Requirements()
}
