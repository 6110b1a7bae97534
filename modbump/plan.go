package modbump

import (
	"fmt"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// Plan judges the requirements of one go.mod and makes the edits that the
// policy allows. The name is used in errors only.
//
// A go.mod that does not parse is a [*ParseError]. Plan changes nothing but the
// version tokens of requirements; it never adds or removes a line.
func Plan(name string, gomod []byte) (*Result, error) {
	file, err := parse(name, gomod)
	if err != nil {
		return nil, err
	}
	result := &Result{Edited: gomod}
	for _, require := range file.Require {
		f, found := judgeRequire(file, require)
		if !found {
			continue
		}
		token, err := versionToken(gomod, require)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %v", name, require.Syntax.Start.Line, err)
		}
		f.Rule = Rule
		f.Module, f.Version = require.Mod.Path, require.Mod.Version
		f.Indirect = require.Indirect
		f.Line, f.Col = token.line, token.col
		result.Findings = append(result.Findings, f)
		if f.Action == Bump {
			result.Edits = append(result.Edits, token.replace(f.Target))
		}
	}
	if len(result.Edits) == 0 {
		return result, nil
	}
	result.Edited = apply(gomod, result.Edits)
	if err := verify(name, file, gomod, result); err != nil {
		return nil, err
	}
	return result, nil
}

// judgeRequire gives what the policy makes of one requirement, without the
// position. It is false where there is nothing to say.
func judgeRequire(file *modfile.File, require *modfile.Require) (Finding, bool) {
	if replace := replaceOf(file, require.Mod); replace != nil {
		return judgeReplaced(require.Mod, replace)
	}
	if isPlaceholder(require.Mod.Version) && knownPath(require.Mod.Path) {
		return Finding{
			Action:  Report,
			Reason:  Placeholder,
			Message: fmt.Sprintf("%s is a placeholder without a replace directive in this go.mod; nothing is known of the code", require.Mod),
		}, true
	}
	row, bad := Judge(require.Mod.Path, require.Mod.Version)
	if !bad || !row.applies(file) {
		return Finding{}, false
	}
	f := Finding{Action: row.Action, Reason: row.Reason}
	f.Evidence, f.Remains = row.evidence()
	if len(row.Targets) > 0 {
		f.Target = row.Targets[0]
	}
	outcome := row.Advice
	if row.Action == Bump {
		var target string
		target, f.Reason, outcome = chooseTarget(file, require.Mod, row.Targets)
		if f.Reason != "" {
			f.Action = Refuse
		} else {
			f.Target = target
		}
	}
	f.Message = fmt.Sprintf("%s; %s", row.describe(require.Mod), outcome)
	return f, true
}

// applies reports whether the other module that the row is about is at that version in
// the go.mod, which names all of them from go 1.17 on.
func (r Row) applies(file *modfile.File) bool {
	if r.Only.Path == "" {
		return true
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

// judgeReplaced judges a requirement that a replace directive decides over. A
// bump is refused there: under a replace without a version it changes nothing,
// and under one with the version it drops what somebody chose to build.
func judgeReplaced(mod module.Version, replace *modfile.Replace) (Finding, bool) {
	own, ownBad := Judge(mod.Path, mod.Version)
	row, known, bad := judgeReplacement(mod.Path, replace.New)
	if !bad && !ownBad && (known || !knownPath(mod.Path)) {
		return Finding{}, false
	}
	by := fmt.Sprintf("%s is replaced by %s (line %d)", mod, location(replace.New), replace.Syntax.Start.Line)
	f := Finding{Action: Refuse, Reason: Replaced}
	switch {
	case bad:
		f.Evidence, f.Remains = row.evidence()
		f.Message = fmt.Sprintf("%s; what is built %s; change the replace directive, a bump would not reach the build", by, row.does())
	case known:
		f.Action = Report
		f.Evidence, _ = own.evidence()
		f.Message = fmt.Sprintf("%s; the required version %s; what is built does not, so that there is nothing to bump", by, own.does())
	case ownBad:
		f.Evidence, _ = own.evidence()
		f.Message = fmt.Sprintf("%s, which is not judged; the required version %s; compare the replacement with the fix by hand", by, own.does())
	default:
		f.Action, f.Reason = Report, Fork
		f.Message = by + ", which is not judged; compare it with the fixes of etcd by hand"
	}
	return f, true
}

// replaceOf returns the replace directive that decides over a module version,
// or nil. One with a version comes before one without, as in the go command, for
// which two that contradict each other are an error.
func replaceOf(file *modfile.File, mod module.Version) *modfile.Replace {
	var exact, wildcard *modfile.Replace
	for _, replace := range file.Replace {
		switch replace.Old {
		case mod:
			exact = replace
		case module.Version{Path: mod.Path}:
			wildcard = replace
		}
	}
	if exact != nil {
		return exact
	}
	return wildcard
}

// excluded reports whether the go.mod excludes a module version.
func excluded(file *modfile.File, mod module.Version) bool {
	for _, exclude := range file.Exclude {
		if exclude.Mod == mod {
			return true
		}
	}
	return false
}

// chooseTarget returns the first target that a requirement can be bumped to,
// and the clause that says so. Without one it returns the reason.
func chooseTarget(file *modfile.File, mod module.Version, targets []string) (target string, reason Reason, clause string) {
	var passed []string
	for _, version := range targets {
		to := module.Version{Path: mod.Path, Version: version}
		var why Reason
		switch {
		case semver.Compare(version, mod.Version) <= 0:
			// Only a pseudo-version with a far base sorts that high.
			why = NoSafeVersion
			passed = append(passed, version+" sorts below it")
		case excluded(file, to):
			why = ExcludedTarget
			passed = append(passed, version+" is excluded here")
		case replaceOf(file, to) != nil:
			why = ReplacedTarget
			passed = append(passed, version+" is replaced here")
		default:
			return version, "", strings.Join(append(passed, version+" fixes this"), ", ")
		}
		if reason == "" {
			reason = why
		}
	}
	return "", reason, "it cannot be bumped: " + strings.Join(passed, ", ")
}

// describe says what is wrong with a version that the row covers.
func (r Row) describe(mod module.Version) string {
	clause := mod.String() + " " + r.does()
	if tag := identify(mod.Version).release; module.IsPseudoVersion(mod.Version) && tag != "" {
		clause = fmt.Sprintf("%s (%s) %s", mod, tag, r.does())
	}
	return clause
}

// does completes the sentence "module version …".
func (r Row) does() string {
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
	return broken, remains
}

// location says where the right side of a replace is.
func location(mod module.Version) string {
	if mod.Version == "" {
		return "the directory " + mod.Path
	}
	return mod.Path + " " + mod.Version
}
