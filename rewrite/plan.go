package rewrite

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"sort"
	"strconv"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/source"
)

// A proposal is a finding with what has been proved about it, while its tier is chosen.
type proposal struct {
	*finding.Finding
	prog       *source.Program
	site       *site             // nil for a finding about a comment
	component  *flow.Component   // of the first mutex
	components []*flow.Component // of all
	gated      bool              // proved
	collapsed  *collapse         // proved
}

// Lower takes the next weaker tier that is proved, for the given reason. A refusal
// concerns everything that the same mutex flows through.
func (pl *Plan) Lower(f *finding.Finding, why finding.Reason) {
	for _, p := range pl.proposals {
		if p.Finding == f {
			pl.lower(p, why)
		}
	}
}

func (pl *Plan) lower(f *proposal, why finding.Reason) {
	switch {
	case f.Tier == finding.Collapse && f.gated:
		f.Tier = finding.Gate
	case f.Tier > finding.Guard:
		f.Tier = finding.Guard
	case f.Tier == finding.Guard:
		for _, g := range pl.proposals {
			if g.component == f.component && g.Tier != finding.Refuse {
				g.Refuse(append(g.Refused, why)...)
			}
		}
		return
	}
	f.NotHigher = &why
}

// Limit caps the tier of every finding.
func (pl *Plan) Limit(max finding.Tier) {
	for _, f := range pl.proposals {
		for f.Tier > max && f.Tier > finding.Guard {
			pl.lower(f, finding.Reason{Code: finding.TierCapped, Detail: "at most " + max.String()})
		}
	}
}

// A Plan holds the findings of a module with the tiers that are proved for them.
type Plan struct {
	Findings []*finding.Finding
	Ignored  []*finding.Finding // as comments in the source ask for
	Tries    []finding.Try      // all of them, each with a finding or a verdict

	p         *source.Program
	proposals []*proposal // those of Findings
}

// Analyze finds the polling sites of a module and chooses their tiers.
func Analyze(in *source.Input) *Plan {
	all, configs := source.Load(in)
	pl := &Plan{p: all}
	fl := flow.New(all, configs)
	found := make([][]*proposal, len(configs))
	var guarded []*site
	analyses := make([]*analysis, len(configs))
	for i, p := range configs {
		a := &analysis{finder: &finder{functions: newFunctions(p), flow: fl, judged: judgements{}, stops: map[token.Pos]bool{}}}
		analyses[i] = a
		found[i] = a.findings()
		guarded = append(guarded, a.guarded...)
	}
	kept, ignored := ignore(all, merge(configs, found), guarded)
	identify(slices.Concat(kept, ignored))
	pl.Tries = accounts(in, analyses, found, slices.Concat(kept, ignored))
	pl.proposals = selected(in, kept)
	pl.Findings, pl.Ignored = public(pl.proposals), public(selected(in, ignored))
	polled := map[*flow.Component]bool{} // by what is no test
	for _, f := range kept {
		if f.site != nil && !f.site.file.Test {
			for _, c := range f.components {
				polled[c] = true
			}
		}
	}
	pl.onlyTests(polled)
	pl.helperFits()
	pl.oneClient()
	pl.helperTaken()
	return pl
}

// identify gives each finding an ID that stays as long as the rule, the function and the
// order of the findings in it do.
func identify(all []*proposal) {
	sorted := slices.Clone(all)
	sortFindings(sorted)
	count := map[string]int{}
	for _, f := range sorted {
		key := strings.Join([]string{f.Rule, f.Package, f.Func}, "\x00")
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, count[key]))
		count[key]++
		f.ID = hex.EncodeToString(sum[:6])
	}
}

// selected returns the findings that are wanted.
func selected(in *source.Input, all []*proposal) (out []*proposal) {
	for _, f := range all {
		if in.Selected == nil || in.Selected(f.Package) {
			out = append(out, f)
		}
	}
	return out
}

// public returns the findings without what is known about them here alone.
func public(all []*proposal) (out []*finding.Finding) {
	for _, f := range all {
		out = append(out, f.Finding)
	}
	return out
}

// onlyTests refuses what would change the program for the sake of a test: a mutex of
// the program that nothing but tests polls.
func (pl *Plan) onlyTests(polled map[*flow.Component]bool) {
	for _, f := range pl.proposals {
		if f.Tier == finding.Refuse {
			continue
		}
		for _, c := range f.components {
			if polled[c] {
				continue
			}
			for _, s := range c.Node.Spelled {
				if !s.File.Test && f.Tier > finding.Refuse {
					f.Refuse(finding.Reason{Code: finding.OnlyTests, Pos: pl.p.Position(s.Sel.Pos())})
				}
			}
		}
	}
}

// propose chooses the strongest tier that is proved for a loop, and no stronger one than its
// rule allows.
func (p *analysis) propose(f *proposal, r *rule, c *candidate) {
	f.components, f.component = c.components, c.components[0]
	if m := c.refusal(); m != nil {
		f.Refused = m.Reasons
		return
	}
	f.Tier, f.NotHigher = p.prove(f, c.site)
	if f.Tier > r.top {
		f.Tier, f.NotHigher = r.top, &finding.Reason{Code: finding.TierCapped, Detail: r.id + " gets at most " + r.top.String()}
	}
	if r.noGate {
		f.Missed = finding.Collapse
	}
}

// prove returns the strongest tier that is proved, and why that is not the next one up.
func (p *analysis) prove(f *proposal, s *site) (finding.Tier, *finding.Reason) {
	why := gate(s)
	paced := why == nil
	f.gated = paced && p.In.HasClocks()
	tier := finding.Guard
	if f.gated {
		tier = finding.Gate
	}
	if !paced && why.Code != finding.WatchNotPaced {
		return tier, why
	}
	c, stays := collapseOf(p.flow, s)
	if stays == nil {
		f.collapsed = c
		return finding.Collapse, p.waitWith(c)
	}
	if paced && !f.gated {
		stays = &finding.Reason{Code: finding.HelperNoClocks, Detail: p.In.Helper.Import}
	}
	return tier, stays
}

// frames returns the calls on the way from a site to TryLock, and after them those on the
// ways to other mutexes.
func frames(s *site) (out []finding.Frame) {
	frame := func(n ast.Expr) finding.Frame {
		return finding.Frame{Pos: s.Position(n.Pos()), Call: source.FirstLine(s.Text(callee(n)))}
	}
	for _, h := range s.trail {
		out = append(out, frame(h.node))
	}
	for i, way := range s.ways {
		if i == 0 {
			continue // the trail
		}
		for _, h := range way {
			out = append(out, frame(h.node))
		}
	}
	for _, call := range s.tries {
		out = append(out, frame(call))
	}
	return out
}

// oneClient refuses what uses another client module than the helper that is there, or else
// than most: one helper package serves one client.
func (pl *Plan) oneClient() {
	count := map[string]int{}
	for _, f := range pl.proposals {
		if f.Tier > finding.Refuse {
			count[f.component.Path]++
		}
	}
	best := pl.p.Served()
	if best == "" && len(count) < 2 {
		return
	}
	for _, p := range pl.p.Concurrency {
		if pl.p.Served() == "" && count[p] > count[best] {
			best = p
		}
	}
	for _, f := range pl.proposals {
		if f.Tier > finding.Refuse && f.component.Path != best {
			f.Refuse(finding.Reason{Code: finding.MixedClients, Detail: "the helper is generated for " + best, Pos: f.Pos})
		}
	}
}

// Changes makes the edits for the tiers as they are now. Where a stronger edit cannot be
// carried out, it lowers the finding and starts again, so the tiers may be lower
// afterwards.
func (pl *Plan) Changes() ([]change.Change, error) {
	for {
		changes, failed, why := pl.changes()
		if failed == nil {
			return changes, why
		}
		code := finding.EditFailed
		if lost, ok := why.(lostError); ok {
			code, why = finding.CommentLost, fmt.Errorf("%q", string(lost))
		}
		pl.lower(failed, finding.Reason{Code: code, Detail: why.Error(), Pos: failed.Pos})
	}
}

// lostError names a comment that an edit would lose.
type lostError string

func (e lostError) Error() string { return "a comment would be lost: " + string(e) }

// fileWork is what has to be done in one file.
type fileWork struct {
	file      *source.File
	tokens    edit.Edits
	spelled   []flow.Spelling
	collapses []*collapse
	findings  []*proposal
	needsTime bool // an import of package time is missing
}

func (pl *Plan) changes() ([]change.Change, *proposal, error) {
	p := pl.p
	work := map[*source.File]*fileWork{}
	at := func(f *source.File) *fileWork {
		if work[f] == nil {
			work[f] = &fileWork{file: f}
		}
		return work[f]
	}
	client, clocks := "", false
	done := map[*flow.Component]bool{}
	for _, f := range pl.proposals {
		if f.Tier == finding.Refuse {
			continue
		}
		client = f.component.Path
		for _, c := range f.components {
			for _, s := range c.Node.Spelled {
				w := at(s.File)
				w.findings = append(w.findings, f)
				if !done[c] {
					w.spelled = append(w.spelled, s)
				}
			}
			done[c] = true
		}
		w := at(p.ByName[f.site.file.Name])
		w.findings = append(w.findings, f)
		switch f.Tier {
		case finding.Gate:
			clocks = true
			k := f.site.clock[0]
			if len(k.into) > 0 {
				w.tokens = append(w.tokens, paused(f.site)...)
				_, imported, _ := timeName(w.file, k.into)
				w.needsTime = w.needsTime || !imported
				break
			}
			sel, ok := ast.Unparen(k.made.Fun).(*ast.SelectorExpr)
			if !ok {
				return nil, f, fmt.Errorf("package time is imported with a dot")
			}
			w.tokens = append(w.tokens, edit.Edit{Start: p.Offset(sel.X.Pos()), End: p.Offset(sel.X.End()), Text: p.Text(f.site.mutex())})
		case finding.Collapse:
			w.collapses = append(w.collapses, f.collapsed)
		}
	}
	if client == "" {
		return nil, nil, nil
	}
	files := make([]*fileWork, 0, len(work))
	for _, w := range work {
		files = append(files, w)
	}
	sort.Slice(files, func(i, j int) bool { return files[i].file.Name < files[j].file.Name })

	var out []change.Change
	for _, w := range files {
		next, err := pl.rewriteFile(w)
		if err != nil {
			return nil, strongest(w), err
		}
		out = append(out, change.Change{Path: w.file.Name, Old: w.file.Bytes, New: next, Findings: public(distinct(w.findings))})
	}
	helperFiles, err := pl.helperChanges(client, clocks)
	if err != nil {
		return nil, nil, err
	}
	return append(out, helperFiles...), nil, nil
}

// componentsOf returns the components of all mutexes that a site tries, the first one
// first.
func (p *analysis) componentsOf(s *site) []*flow.Component {
	ends := s.ends
	if len(s.calls) == 0 {
		for _, call := range s.tries {
			ends = append(ends, hop{file: s.file, node: call})
		}
	}
	var out []*flow.Component
	seen := map[*flow.Component]bool{}
	for _, h := range ends {
		if c := p.flow.ComponentOf(h.file, h.node, h.mutex()); !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}

// strongest returns the finding of a file to blame first when its edit fails.
func strongest(w *fileWork) *proposal {
	var best *proposal
	for _, f := range w.findings {
		here := f.site.file.Name == w.file.Name
		if best == nil || here && (f.Tier > best.Tier || best.site.file.Name != w.file.Name) {
			best = f
		}
	}
	return best
}

func distinct(fs []*proposal) (out []*proposal) {
	seen := map[*proposal]bool{}
	for _, f := range fs {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

// rewriteFile returns the new bytes of one file.
func (pl *Plan) rewriteFile(w *fileWork) ([]byte, error) {
	p, src := pl.p, w.file.Bytes
	bom := []byte(nil)
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		bom = src[:3]
	}
	needs := len(w.spelled) > 0
	for _, c := range w.collapses {
		needs = needs || c.storm && c.retry
	}
	qualifier := ""
	if needs {
		qualifier = pl.qualifier(w)
	}
	tokens := append(edit.Edits(nil), w.tokens...)
	for _, s := range w.spelled {
		tokens = append(tokens, edit.Edit{Start: p.Offset(s.Sel.Pos()), End: p.Offset(s.Sel.End()), Text: qualifier + "." + s.Name})
	}
	after, err := tokens.Apply(src)
	if err != nil {
		return nil, err
	}
	out := after
	if len(w.collapses) > 0 {
		var waits []edit.Wait
		for _, c := range w.collapses {
			waits = append(waits, c.wait(qualifier))
		}
		if out, err = edit.Splice(after, tokens, waits, p.Offset); err != nil {
			return nil, err
		}
	}
	// Declarations that only tokens touched keep gofmt's columns if they had them; the
	// spliced ones come from a printer.
	if len(tokens) > 0 {
		if out, err = edit.Realign(src, out, tokens); err != nil {
			return nil, err
		}
	}
	names := map[string]string{}
	for _, spec := range w.file.Syntax.Imports {
		if name := w.file.Pkg.TypesInfo.PkgNameOf(spec); name != nil {
			names[source.ImportPath(spec)] = name.Imported().Name()
		}
	}
	if needs && !pl.imported(w.file) {
		anchor := ""
		for _, s := range w.spelled {
			anchor = s.Path
		}
		if out, err = edit.AddImport(out, pl.HelperImport(), qualifier, p.In.ModulePath, anchor); err != nil {
			return nil, err
		}
	}
	if w.needsTime {
		anchor := ""
		for _, spec := range w.file.Syntax.Imports { // one of the standard library
			if path := source.ImportPath(spec); !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
				anchor = path
			}
		}
		if out, err = edit.AddImport(out, "time", "time", "time", anchor); err != nil {
			return nil, err
		}
	}
	if out, err = edit.DropImports(src, out, names); err != nil {
		return nil, err
	}
	if c := edit.LostComment(src, out); c != "" {
		return nil, lostError(c)
	}
	if bom != nil && !bytes.HasPrefix(out, bom) {
		return nil, fmt.Errorf("the byte order mark was lost")
	}
	return out, nil
}

// imported reports whether the file imports the helper package already.
func (pl *Plan) imported(f *source.File) bool { return pl.importName(f) != "" }

func (pl *Plan) importName(f *source.File) string {
	for _, spec := range f.Syntax.Imports {
		if source.ImportPath(spec) != pl.HelperImport() {
			continue
		}
		if spec.Name == nil {
			return pl.p.In.HelperName()
		}
		if spec.Name.Name != "_" && spec.Name.Name != "." {
			return spec.Name.Name
		}
	}
	return ""
}

// qualifier returns a name for the helper package that means nothing else wherever the
// file needs it.
func (pl *Plan) qualifier(w *fileWork) string {
	if name := pl.importName(w.file); name != "" {
		return name
	}
	base := pl.p.In.HelperName()
	pkg := w.file.Pkg.Types
	free := func(name string) bool {
		for _, variant := range pl.p.In.Packages { // with its tests
			if variant.Types != nil && variant.Types.Path() == pkg.Path() && variant.Types.Scope().Lookup(name) != nil {
				return false
			}
		}
		taken := func(at token.Pos) bool {
			scope := pkg.Scope().Innermost(at)
			if scope == nil {
				return false
			}
			_, obj := scope.LookupParent(name, token.NoPos)
			return obj != nil && obj.Parent() != types.Universe
		}
		for _, s := range w.spelled {
			if taken(s.Sel.Pos()) {
				return false
			}
		}
		for _, c := range w.collapses {
			if taken(c.site.loop.Pos()) {
				return false
			}
		}
		return true
	}
	if free(base) {
		return base
	}
	for i := 2; ; i++ {
		if name := base + strconv.Itoa(i); free(name) {
			return name
		}
	}
}
