package modbump

import (
	"fmt"
	"slices"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// Plan judges what a go.mod requires, or what it builds where that is known, and makes the
// edits that the policy allows. The name is used in errors only.
//
// A go.mod that does not parse is a [*ParseError]. Plan changes version tokens, and adds a
// line for a module that is built and not required; nothing else.
func Plan(name string, gomod []byte, opts Options) (*Result, error) {
	file, err := parse(name, gomod)
	if err != nil {
		return nil, err
	}
	p := &planner{file: file, gomod: gomod, opts: opts}
	for _, require := range file.Require {
		if err := p.require(require); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := p.transitive(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := p.lockstep(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	result := &Result{Findings: p.findings, gomod: gomod}
	result.Edits = editsOf(p.findings)
	if _, result.Edited, err = finish(name, file, gomod, result.Edits); err != nil {
		return nil, err
	}
	return result, nil
}

// A planner is one call of Plan.
type planner struct {
	file     *modfile.File
	gomod    []byte
	opts     Options
	findings []Finding
}

// require judges one requirement of the go.mod.
func (p *planner) require(require *modfile.Require) error {
	token, err := versionToken(p.gomod, require)
	if err != nil {
		return err
	}
	f := Finding{
		Rule: Rule, Module: require.Mod.Path, Version: require.Mod.Version,
		Indirect: require.Indirect, Line: token.line, Col: token.col,
	}
	mod := require.Mod
	selected := p.opts.Build.find(mod.Path)
	if selected != nil && selected.Version.Version != "" {
		mod = selected.Version
	}
	replace := p.replaceOf(mod, selected)
	if replace == nil && mod != require.Mod {
		return p.superseded(f, require, mod)
	}
	if !p.judge(&f, mod, replace) {
		return nil
	}
	if f.Action == Bump && !f.Replacement {
		e, err := bumpRequire(p.gomod, require, f.Target)
		if err != nil {
			return err
		}
		f.Edits = []Edit{e}
	}
	p.findings = append(p.findings, f)
	return nil
}

// superseded judges a requirement of which the go command builds a higher version, since
// another requirement asks for it.
func (p *planner) superseded(f Finding, require *modfile.Require, selected module.Version) error {
	own, ownBad := p.lookup(require.Mod)
	if !p.judge(&f, selected, nil) {
		if !ownBad {
			return nil
		}
		f.Action, f.Reason = Report, NotSelected
		f.Evidence, _ = own.evidence()
		f.Message = fmt.Sprintf("%s; but what is built is %s, which does not, since another requirement asks for it", own.describe(require.Mod), selected.Version)
		p.findings = append(p.findings, f)
		return nil
	}
	f.Version = require.Mod.Version
	if f.Action == Bump {
		e, err := bumpRequire(p.gomod, require, f.Target)
		if err != nil {
			return err
		}
		f.Edits = []Edit{e}
	}
	p.findings = append(p.findings, f)
	return nil
}

// transitive judges the modules that are built although the go.mod does not require them.
func (p *planner) transitive() error {
	if p.opts.Build == nil {
		return nil
	}
	for i := range p.opts.Build.Modules {
		selected := &p.opts.Build.Modules[i]
		if !KnownPath(selected.Path) || slices.ContainsFunc(p.file.Require, func(r *modfile.Require) bool { return r.Mod.Path == selected.Path }) {
			continue
		}
		f := Finding{
			Rule: Rule, Module: selected.Path, Version: selected.Version.Version,
			Indirect: true, Transitive: true, Via: selected.Via,
		}
		f.Line, f.Col = p.whence(selected.Via)
		if !p.judge(&f, selected.Version, p.replaceOf(selected.Version, selected)) {
			continue
		}
		if f.Action == Bump && !f.Replacement {
			f.Edits = addRequires(p.gomod, p.file, goVersion(p.file), []module.Version{{Path: f.Module, Version: f.Target}})
		}
		p.findings = append(p.findings, f)
	}
	return nil
}

// whence returns the place of the requirement through which a module comes.
func (p *planner) whence(via []module.Version) (line, col int) {
	for _, require := range p.file.Require {
		if len(via) > 0 && require.Mod.Path == via[0].Path {
			if t, err := versionToken(p.gomod, require); err == nil {
				return t.line, t.col
			}
		}
	}
	if m := p.file.Module; m != nil && m.Syntax != nil {
		return m.Syntax.Start.Line, m.Syntax.Start.LineRune
	}
	return 1, 1
}

// lookup is [Judge] with what else has to hold for the row to count.
func (p *planner) lookup(mod module.Version) (Row, bool) {
	row, bad := Judge(mod.Path, mod.Version)
	return row, bad && (!row.Quiet || p.opts.All) && row.applies(p.file, p.opts.Build)
}

// judge completes a finding about a module version that is built, or replaced. It is
// false where there is nothing to say.
func (p *planner) judge(f *Finding, mod module.Version, replace *replacement) bool {
	if replace != nil {
		return p.judgeReplaced(f, mod, replace)
	}
	if isPlaceholder(mod.Version) && KnownPath(mod.Path) {
		f.Action, f.Reason = Report, Placeholder
		f.Message = fmt.Sprintf("%s is a placeholder without a replace directive in this go.mod; nothing is known of the code", mod)
		return true
	}
	row, bad := p.lookup(mod)
	if !bad {
		return false
	}
	f.Evidence, f.Remains = row.evidence()
	f.Message = row.describe(mod)
	if f.Transitive {
		f.Message = row.describeVia(mod, f.Via)
	}
	if p.harmless(f, mod) && f.Transitive {
		f.Action, f.Reason = Report, NotLinked
		return true
	}
	outcome := p.act(f, mod, mod, row)
	f.Message += "; " + outcome
	return true
}

// act decides what is done about mod, of which what is built is the version of built, and
// gives the clause that says so.
func (p *planner) act(f *Finding, mod, built module.Version, row Row) (outcome string) {
	f.Action, f.Reason = row.Action, row.Reason
	f.Leaks = slices.Contains(row.Broken, watchStreamLeak)
	if len(row.Targets) > 0 {
		f.Target = row.Targets[0]
	}
	if row.Action == Report && row.Reason == NotByDefault && p.opts.All {
		f.Action = Bump
	}
	if f.Action == Refuse && row.Reason == NeedsCodeChanges && f.Harmless {
		f.Action = Bump // the code that would have to change is not there
	}
	if f.Action != Bump {
		return row.Advice
	}
	c := p.chooseTarget(built, row.Broken, p.opts.targets(mod.Path, row))
	if f.Reason = c.reason; f.Reason != "" {
		f.Action = Refuse
	} else {
		f.Target = c.target
	}
	return c.clause
}
