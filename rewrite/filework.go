package rewrite

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strconv"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/proof"
	"etcdmod/rewrite/internal/source"
)

// lostError names a comment that an edit would lose.
type lostError string

func (e lostError) Error() string { return "a comment would be lost: " + string(e) }

// fileWork is what has to be done in one file.
type fileWork struct {
	file      *source.File
	tokens    edit.Edits
	spelled   []flow.Spelling
	replaced  []replacement
	collapses []*proof.Collapse
	findings  []*proposal
	needsTime bool // an import of package time is missing
}

// A workload is what has to be done in all files.
type workload struct {
	files  map[*source.File]*fileWork
	client string // import path of package concurrency; "" if nothing is to be done
	needs  helper.Parts
}

func (l *workload) at(f *source.File) *fileWork {
	if l.files[f] == nil {
		l.files[f] = &fileWork{file: f}
	}
	return l.files[f]
}

// collect gathers it, where each proposal has the tier that is said.
func (pl *Plan) collect(tier func(*proposal) finding.Tier) (*workload, *proposal, error) {
	p, l := pl.p, &workload{files: map[*source.File]*fileWork{}}
	done := map[*flow.Component]bool{}
	for _, f := range pl.proposals {
		if tier(f) == finding.Refuse {
			continue
		}
		l.client = f.client
		for _, c := range f.components {
			for _, s := range c.Node.Spelled {
				w := l.at(s.File)
				w.findings = append(w.findings, f)
				if !done[c] {
					w.spelled = append(w.spelled, s)
				}
			}
			done[c] = true
		}
		for _, r := range f.replaced {
			w := l.at(p.ByName[r.in().Name])
			w.findings = append(w.findings, f)
			if !slices.Contains(w.replaced, r) {
				w.replaced = append(w.replaced, r)
			}
			l.needs |= r.needs()
		}
		if len(f.components) > 0 {
			l.needs |= helper.Mutex
		}
		w := l.at(p.ByName[f.site.File.Name])
		w.findings = append(w.findings, f)
		switch tier(f) {
		case finding.Gate:
			l.needs |= helper.Clocks
			if err := w.gate(p, f); err != nil {
				return nil, f, err
			}
		case finding.Collapse:
			w.collapses = append(w.collapses, f.collapsed)
		}
	}
	return l, nil, nil
}

// gate has the clock of a loop made by the mutex.
func (w *fileWork) gate(p *source.Program, f *proposal) error {
	k := f.site.Clocks[0]
	if len(k.Places) > 0 {
		w.tokens = append(w.tokens, proof.Paused(f.site)...)
		_, imported, _ := proof.TimeName(w.file, k.Places)
		w.needsTime = w.needsTime || !imported
		return nil
	}
	sel, ok := ast.Unparen(k.Made.Fun).(*ast.SelectorExpr)
	if !ok {
		return fmt.Errorf("package time is imported with a dot")
	}
	w.tokens = append(w.tokens, edit.Edit{Start: p.Offset(sel.X.Pos()), End: p.Offset(sel.X.End()), Text: f.site.File.Plain(f.site.Mutex())})
	return nil
}

// changes returns what becomes of all files, where each proposal has the tier that is said, or the
// proposal that stands in the way, and why.
func (pl *Plan) changes(tier func(*proposal) finding.Tier) ([]change.Change, *proposal, error) {
	work, failed, why := pl.collect(tier)
	if why != nil || work.client == "" {
		return nil, failed, why
	}
	var out []change.Change
	for _, w := range slices.SortedFunc(maps.Values(work.files), func(a, b *fileWork) int { return cmp.Compare(a.file.Name, b.file.Name) }) {
		next, err := pl.rewriteFile(w)
		if err != nil {
			failed, why := pl.alone(w)
			if failed == nil {
				failed, why = strongest(w), err
			}
			return nil, failed, why
		}
		out = append(out, change.Change{Path: w.file.Name, Old: w.file.Bytes, New: next, Findings: public(distinct(w.findings))})
	}
	helperFiles, err := pl.helperChanges(work.client, work.needs)
	if err != nil {
		return nil, nil, err
	}
	return append(out, helperFiles...), nil, nil
}

// settledTier is the tier that a proposal has.
func settledTier(f *proposal) finding.Tier { return f.Tier }

// alone returns a finding of a file whose loop cannot be replaced even if no other one is, and
// why; nil if there is none.
func (pl *Plan) alone(w *fileWork) (*proposal, error) {
	for _, f := range distinct(w.findings) {
		if f.collapsed == nil || !slices.Contains(w.collapses, f.collapsed) {
			continue
		}
		one := *w
		one.collapses = []*proof.Collapse{f.collapsed}
		if _, err := pl.rewriteFile(&one); err != nil {
			return f, err
		}
	}
	return nil, nil
}

// strongest returns the finding of a file to blame first when its edit fails.
func strongest(w *fileWork) *proposal {
	var best *proposal
	for _, f := range w.findings {
		here := f.site.File.Name == w.file.Name
		if best == nil || here && (f.Tier > best.Tier || best.site.File.Name != w.file.Name) {
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
	needs := len(w.spelled) > 0 || slices.ContainsFunc(w.replaced, replacement.qualified)
	for _, c := range w.collapses {
		needs = needs || c.Storm && c.Retry
	}
	qualifier := ""
	if needs {
		qualifier = pl.qualifier(w)
	}
	out, err := pl.rewriteCode(w, qualifier)
	if err != nil {
		return nil, err
	}
	if out, err = pl.rewriteImports(w, out, qualifier); err != nil {
		return nil, err
	}
	src := w.file.Bytes
	if c := edit.LostComment(src, out); c != "" {
		return nil, lostError(c)
	}
	if c := edit.LostComment(out, src); c != "" {
		return nil, fmt.Errorf("a comment would stand twice: %s", c)
	}
	if bom := []byte("\xef\xbb\xbf"); bytes.HasPrefix(src, bom) && !bytes.HasPrefix(out, bom) {
		return nil, fmt.Errorf("the byte order mark was lost")
	}
	return out, nil
}

// rewriteCode replaces tokens and loops. qualifier is the name of the helper package, or "".
func (pl *Plan) rewriteCode(w *fileWork, qualifier string) ([]byte, error) {
	p, src := pl.p, w.file.Bytes
	tokens := append(edit.Edits(nil), w.tokens...)
	for _, r := range w.replaced {
		tokens = append(tokens, r.edits(p, qualifier)...)
	}
	for _, s := range w.spelled {
		if slices.ContainsFunc(w.replaced, func(r replacement) bool { return r.function() == ast.Expr(s.Sel) }) {
			continue // by another function of the helper
		}
		tokens = append(tokens, edit.Edit{Start: p.Offset(s.Sel.Pos()), End: p.Offset(s.Sel.End()), Text: qualifier + "." + s.Name})
	}
	out, err := tokens.Apply(src)
	if err != nil {
		return nil, err
	}
	if len(w.collapses) > 0 {
		var waits []edit.Wait
		for _, c := range w.collapses {
			waits = append(waits, c.Wait(qualifier))
		}
		if out, err = edit.Splice(out, tokens, waits, p.Offset); err != nil {
			return nil, err
		}
	}
	if len(tokens) == 0 {
		return out, nil
	}
	// Declarations that only tokens touched keep gofmt's columns if they had them; the
	// spliced ones come from a printer.
	return edit.Realign(src, out, tokens)
}

// rewriteImports adds the imports that the new code needs, and drops those that it no longer
// uses.
func (pl *Plan) rewriteImports(w *fileWork, out []byte, qualifier string) (_ []byte, err error) {
	names, standard := map[string]string{}, ""
	for _, spec := range w.file.Syntax.Imports {
		path := source.ImportPath(spec)
		if name := w.file.Pkg.TypesInfo.PkgNameOf(spec); name != nil {
			names[path] = name.Imported().Name()
		}
		if edit.IsStandard(path) {
			standard = path
		}
	}
	if qualifier != "" && !pl.imported(w.file) {
		anchor := ""
		if len(w.findings) > 0 {
			anchor = w.findings[0].client
		}
		for _, s := range w.spelled {
			anchor = s.Path
		}
		if out, err = edit.AddImport(out, pl.HelperImport(), qualifier, pl.p.In.ModulePath, anchor); err != nil {
			return nil, err
		}
	}
	if w.needsTime {
		if out, err = edit.AddImport(out, "time", "time", "time", standard); err != nil {
			return nil, err
		}
	}
	heir := ""
	if qualifier != "" {
		heir = pl.HelperImport()
	}
	return edit.DropImports(w.file.Bytes, out, names, heir)
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
			if taken(c.Site.Node.Pos()) {
				return false
			}
		}
		return !slices.ContainsFunc(w.replaced, func(r replacement) bool { return taken(r.pos()) })
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
