package modbump

import (
	"fmt"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// applies reports whether the other module that the row is about is at that version in
// the build list, or else in the go.mod, which names all of them from go 1.17 on.
func (r Row) applies(file *modfile.File, build *BuildList) bool {
	if r.Only.Path == "" {
		return true
	}
	if build != nil && build.GRPC != "" && r.Only.Path == grpcPath {
		return build.GRPC == r.Only.Version
	}
	for _, require := range file.Require {
		if require.Mod.Path != r.Only.Path {
			continue
		}
		built := require.Mod
		if replace := replaceOf(file, built); replace != nil {
			built = replace.New
		}
		return built == r.Only
	}
	return false
}

// describe says what is wrong with a version that the row covers.
func (r Row) describe(mod module.Version) string {
	clause := mod.String() + " " + r.Does()
	if tag := identify(mod.Version).release; module.IsPseudoVersion(mod.Version) && tag != "" {
		clause = fmt.Sprintf("%s (%s) %s", mod, tag, r.Does())
	}
	return clause
}

// describeVia is describe for a module that comes through others.
func (r Row) describeVia(mod module.Version, via []module.Version) string {
	if len(via) == 0 {
		return fmt.Sprintf("%s, which the go.mod does not require, %s", mod, r.Does())
	}
	var through []string
	for _, m := range via {
		through = append(through, m.String())
	}
	return fmt.Sprintf("%s, which comes through %s, %s", mod, strings.Join(through, " and "), r.Does())
}

// Does completes the sentence "module version …" with what is wrong.
func (r Row) Does() string {
	var clauses []string
	for _, defect := range r.Broken {
		clauses = append(clauses, defect.Does)
	}
	does := strings.Join(clauses, ", and ")
	if r.Reason == PseudoUnclassified {
		if does == "" {
			return "cannot be traced to a commit of etcd"
		}
		return "may lack a fix: a version without it " + does
	}
	return does
}

// evidence lists the sources for what is wrong, and what a target still has.
func (r Row) evidence() (broken, remains []string) {
	for _, defect := range r.Broken {
		broken = append(broken, defect.Evidence)
	}
	for _, defect := range r.Remains {
		remains = append(remains, fmt.Sprintf("a client that %s: %s", defect.Does, defect.Evidence))
	}
	if len(remains) > 0 {
		remains = append(remains, "only "+pathClientV3+" "+targetClient+" and newer has all of it fixed, under other import paths; \"etcdmod explain "+Rule+"\" tells the way")
	}
	return broken, remains
}
