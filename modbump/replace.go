package modbump

import (
	"fmt"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// A replacement is the replace directive that decides over a module.
type replacement struct {
	by   module.Version   // what is built
	line *modfile.Replace // nil where it is in another file
	file string           // of the directive, where that is not the go.mod
}

func (r *replacement) where() string {
	if r.line == nil {
		return r.file
	}
	return fmt.Sprintf("line %d", r.line.Syntax.Start.Line)
}

// replaceOf returns the directive that decides over a module version. What the build list
// says of a go.work comes before the go.mod, as in the go command.
func (p *planner) replaceOf(mod module.Version, selected *Selected) *replacement {
	if selected != nil && selected.ReplacedIn != "" {
		return &replacement{by: selected.Replace, file: selected.ReplacedIn}
	}
	if line := replaceOf(p.file, mod); line != nil {
		return &replacement{by: line.New, line: line}
	}
	return nil
}

// judgeReplaced judges a module that a replace directive decides over. Under one without
// a version another requirement changes nothing, and under one with the version it
// would drop what somebody chose to build; so what is bumped is the replacement, where
// that is a version of the same module. Anything else is refused.
func (p *planner) judgeReplaced(f *Finding, mod module.Version, replace *replacement) bool {
	own, ownBad := p.lookup(mod)
	row, known, bad := judgeReplacement(mod.Path, replace.by)
	bad = bad && (!row.Quiet || p.opts.All) && row.applies(p.file, p.opts.Build)
	if !bad && !ownBad && (known || !KnownPath(mod.Path)) {
		return false
	}
	f.Action, f.Reason = Refuse, Replaced
	if f.Transitive && len(f.Via) == 0 && replace.line != nil {
		f.Line, f.Col = replace.line.Syntax.Start.Line, replace.line.Syntax.Start.LineRune
	}
	by := fmt.Sprintf("%s is replaced by %s (%s)", mod, location(replace.by), replace.where())
	switch {
	case bad && replace.by.Path == mod.Path && replace.line != nil:
		f.Evidence, f.Remains = row.evidence()
		f.Replacement = true
		outcome := p.act(f, mod, replace.by, row)
		f.Message = fmt.Sprintf("%s; what is built %s; %s", by, row.Does(), outcome)
		if f.Action != Bump {
			break
		}
		e, err := bumpReplace(p.gomod, replace.line, f.Target)
		if err != nil {
			f.Action, f.Reason = Refuse, Replaced
			break
		}
		f.Edits = []Edit{e}
	case bad:
		f.Evidence, f.Remains = row.evidence()
		f.Message = fmt.Sprintf("%s; what is built %s; change the replace directive, a bump would not reach the build", by, row.Does())
		if row.Action == Report && (row.Reason != NotByDefault || !p.opts.All) {
			f.Action = Report // as without the directive
		}
	case known:
		f.Action = Report
		f.Evidence, _ = own.evidence()
		f.Message = fmt.Sprintf("%s; the required version %s; what is built does not, so that there is nothing to bump", by, own.Does())
	case ownBad:
		f.Evidence, _ = own.evidence()
		f.Message = fmt.Sprintf("%s, which is not judged; the required version %s; compare the replacement with the fix by hand", by, own.Does())
	default:
		f.Action, f.Reason = Report, Fork
		f.Message = by + ", which is not judged; compare it with the fixes of etcd by hand"
	}
	if p.harmless(f, mod) && f.Transitive {
		f.Action, f.Reason, f.Edits, f.Replacement = Report, NotLinked, nil, false
	}
	return true
}

// harmless notes that no package of the client is part of what is built, where that is so.
func (p *planner) harmless(f *Finding, mod module.Version) bool {
	selected := p.opts.Build.find(mod.Path)
	if selected == nil || selected.Client || !clientModule(mod.Path) {
		return false
	}
	f.Harmless = true
	f.Message += "; no package of its client is part of what is built, so that this does no harm here"
	return true
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

// location says where the right side of a replace is.
func location(mod module.Version) string {
	if mod.Version == "" {
		return "the directory " + mod.Path
	}
	return mod.Path + " " + mod.Version
}
