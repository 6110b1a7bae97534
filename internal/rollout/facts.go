package rollout

import (
	"path"
	"slices"
	"strings"
	"unicode"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/quote"
)

// facts are what the sentences of a unit's text depend on.
type facts struct {
	unit     *Unit
	bumped   bool // a version of the client changes
	tiers    map[finding.Tier]int
	kinds    map[finding.DifferenceKind]int // how many of those have a difference of the kind
	rewrites int
	rest     bool     // something of the module is refused, only reported, ignored, not followed or not covered
	named    bool     // the text has a list of what is not covered
	renewed  bool     // the unit renews helper files that were there
	blind    []string // what could not be verified
	bumps    bool     // it changes in this unit
	first    []string // the ID of the prelude that goes before
	beside   bool     // another unit is behind it as well
	awaited  []string // what goes before in other modules, as text: the unit, and that it is first
	leads    []string // the modules that follow what the unit does to go.mod and go.sum
	earns    bool     // a finding of the unit may get a stronger tier
	follows  bool     // the unit does nothing but follow: no version of the client is raised, nothing rewritten
	next     []string // what a prelude goes before
	helper   []string // generated files of the unit
	headed   []string // those of them that begin with a header of the user's
	vet      bool
	test     bool
	several  bool
}

// factsOf gathers the facts of a unit.
func (r *run) factsOf(res *pipeline.Result, p part, u *Unit, units []Unit) *facts {
	f := &facts{
		unit: u, bumped: bumped(res) && !u.Refresh, tiers: map[finding.Tier]int{}, kinds: map[finding.DifferenceKind]int{},
		leads: p.leads, vet: r.Pipeline.Vet, test: r.Pipeline.Test, several: len(units) > 1,
	}
	f.bumps = f.bumped && (u.Prelude || leads(u, units))
	if behindPrelude(u, units) {
		f.first = u.After
		f.beside = slices.ContainsFunc(units, func(o Unit) bool { return o.ID != u.ID && slices.Equal(o.After, u.After) })
	} else {
		for _, id := range u.After {
			f.awaited = append(f.awaited, "`"+id+"` first")
		}
	}
	for _, found := range p.findings {
		if found.Tier == finding.Refuse {
			continue
		}
		f.rewrites++
		f.earns = f.earns || mayEarn(found)
		f.tiers[found.Tier]++
		seen := map[finding.DifferenceKind]bool{}
		for _, d := range found.Differences {
			if !seen[d.Kind] {
				seen[d.Kind] = true
				f.kinds[d.Kind]++
			}
		}
	}
	f.rest = len(res.Ignored)+len(res.Skipped) > 0 ||
		slices.ContainsFunc(res.Findings, func(f *finding.Finding) bool { return f.Tier == finding.Refuse }) ||
		slices.ContainsFunc(res.Tries, finding.Try.Lost)
	for _, other := range units {
		if slices.Contains(other.After, u.ID) {
			f.next = append(f.next, "`"+other.ID+"`: "+quote.MarkdownText(other.Title))
		}
	}
	for _, c := range p.changes {
		switch header, rest := helper.Header(c.New); {
		case rest == nil:
		case len(header) > 0:
			f.headed = append(f.headed, r.rel(c.Path))
		default:
			f.helper = append(f.helper, r.rel(c.Path))
		}
		f.renewed = f.renewed || c.Generated && !c.Created
	}
	f.follows = !f.bumped && f.rewrites == 0 && !u.Prelude
	skips, lost := skipped(res, u, units)
	f.named = len(r.refused(res, p, u))+len(skips)+len(lost) > 0
	for _, s := range res.Skipped {
		if s.Reason == finding.SkipUnverified {
			f.blind = append(f.blind, quote.Markdown(r.rel(s.Position().Filename)))
		}
	}
	slices.Sort(f.blind)
	f.blind = slices.Compact(f.blind)
	return f
}

// sums reports whether go.mod or go.sum change for what is bumped elsewhere, beside what else the unit does.
func (f *facts) sums() bool {
	return len(f.awaited) > 0 && !f.bumps && !f.follows && slices.ContainsFunc(f.unit.Files, func(file File) bool {
		return path.Base(file.Path) == "go.mod" || path.Base(file.Path) == "go.sum"
	})
}

// prelude reports whether the unit is what the others share.
func (f *facts) prelude() bool { return f.unit.Prelude && !f.unit.Refresh }

// compiled reports whether the unit was compiled by itself. What is vendored is built from the
// module cache, where it stands as the modules have it.
func (f *facts) compiled() bool { return !f.unit.Refresh }

// quiet reports whether nothing that is rewritten writes while it waits.
func (f *facts) quiet() bool {
	return f.rewrites > 0 && f.kinds[finding.TryAsksFirst]+f.kinds[finding.TxnAsksFirst] == f.rewrites
}

// packages are the directories of generated files.
func (f *facts) packages() []string {
	var dirs []string
	for _, file := range slices.Concat(f.helper, f.headed) {
		dirs = append(dirs, quote.Markdown(path.Dir(file)))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// check is the command that compares files with the templates.
func (f *facts) check(files []string) []string {
	if len(files) == 0 {
		return nil
	}
	command := "etcdmod helper -check"
	for _, file := range files {
		command += " " + shellWord(file)
	}
	return []string{quote.MarkdownCommand(command)}
}

// shellWord is a name as a shell reads it.
func shellWord(name string) string {
	if strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+", r)
	}) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
