package edit

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"

	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// Imports are edited as text: one line is inserted or removed, and nothing else moves.

// AddImport returns src with an import of importPath as name. It goes into the group of the module's
// own packages if there is one, else beside the import of anchor. Where that is not imported, it goes
// beside a package that anchor lies below, else beside one of another module.
func AddImport(src []byte, importPath, name, modulePath, anchor string) ([]byte, error) {
	out, err := insertImport(src, importPath, name, modulePath, anchor)
	if err != nil {
		return nil, err
	}
	now, err := Parse(out)
	if err != nil {
		return nil, fmt.Errorf("adding the import of %s: %w", importPath, err)
	}
	for _, s := range now.File.Imports {
		if source.ImportPath(s) == importPath {
			return out, nil
		}
	}
	return nil, fmt.Errorf("no place for the import of %s", importPath)
}

func insertImport(src []byte, importPath, name, modulePath, anchor string) ([]byte, error) {
	p, err := Parse(src)
	if err != nil {
		return nil, err
	}
	spec := strconv.Quote(importPath)
	if name != lastElem(importPath) {
		spec = name + " " + spec
	}
	nl := "\n"
	if IsCRLF(src) {
		nl = "\r\n"
	}
	last, group := p.importPlace(modulePath, anchor)
	if last == nil {
		return nil, fmt.Errorf("the file has no import declaration")
	}
	if group == nil {
		end := p.Offset(last.End())
		for _, g := range p.File.Comments { // behind the comments on the line
			if at := p.Offset(g.Pos()); at >= end && at <= p.lineEnd(end) {
				end = p.Offset(g.End())
			}
		}
		return insertAt(src, end, nl+"import "+spec), nil
	}
	return p.insertSpec(group, importPath, spec, nl)
}

// importPlace returns the last import declaration, and the group in one of them that an import
// belongs into, as AddImport says; without any of these groups, that is the first.
func (p *Version) importPlace(modulePath, anchor string) (last *ast.GenDecl, group []*ast.ImportSpec) {
	best := 0
	for _, d := range p.File.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.IMPORT {
			continue
		}
		last = gen
		if !gen.Lparen.IsValid() {
			continue
		}
		for _, g := range p.importGroups(gen) {
			score := 1
			for _, s := range g {
				switch ip := source.ImportPath(s); {
				case importpath.Within(ip, modulePath):
					score = max(score, 5)
				case ip == anchor:
					score = max(score, 4)
				case importpath.Within(anchor, ip):
					score = max(score, 3)
				case anchor != "" && !IsStandard(ip):
					score = max(score, 2)
				}
			}
			if score > best {
				best, group = score, g
			}
		}
	}
	return last, group
}

// IsStandard reports whether an import path looks like one of the standard library: no domain
// begins it.
func IsStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// insertSpec puts the text of an import into a group, where its path sorts.
func (p *Version) insertSpec(group []*ast.ImportSpec, importPath, spec, nl string) ([]byte, error) {
	src := p.src
	var after *ast.ImportSpec // the first one that sorts behind the new one
	for _, s := range group {
		if source.ImportPath(s) > importPath {
			after = s
			break
		}
	}
	if after != nil {
		start := p.Offset(after.Pos())
		if after.Doc != nil {
			start = p.Offset(after.Doc.Pos())
		}
		if indent, ok := p.indent(start); ok {
			return insertAt(src, p.lineStart(start), indent+spec+nl), nil
		}
	}
	tail := group[len(group)-1]
	indent, ok := p.indent(p.Offset(tail.Pos()))
	if !ok {
		return nil, fmt.Errorf("the import declaration has several imports on one line")
	}
	end := p.Offset(tail.End())
	if tail.Comment != nil {
		end = p.Offset(tail.Comment.End())
	}
	return insertAt(src, end, nl+indent+spec), nil
}

// indent returns the white space that the line begins with on which the byte at offset is. It
// reports whether nothing but comments is between.
func (p *Version) indent(offset int) (string, bool) {
	start := p.lineStart(offset)
	text := p.src[start:offset]
	for _, g := range p.File.Comments {
		for _, c := range g.List {
			from, to := p.Offset(c.Pos())-start, p.Offset(c.End())-start
			if from >= 0 && to <= len(text) {
				text = bytes.Replace(text, p.src[start+from:start+to], nil, 1)
			}
		}
	}
	blank := p.src[start:offset]
	blank = blank[:len(blank)-len(bytes.TrimLeft(blank, " \t"))]
	return string(blank), len(bytes.TrimSpace(text)) == 0
}

func insertAt(src []byte, at int, text string) []byte {
	out := make([]byte, 0, len(src)+len(text))
	out = append(out, src[:at]...)
	out = append(out, text...)
	return append(out, src[at:]...)
}

// lineStart and lineEnd give the bounds of the line that holds the byte at offset,
// without its line end.
func (p *Version) lineStart(offset int) int {
	return bytes.LastIndexByte(p.src[:offset], '\n') + 1
}

func (p *Version) lineEnd(offset int) int {
	i := bytes.IndexByte(p.src[offset:], '\n')
	if i < 0 {
		return len(p.src)
	}
	i += offset
	if i > 0 && p.src[i-1] == '\r' {
		i--
	}
	return i
}

// importGroups splits the specs of a declaration at blank lines.
func (p *Version) importGroups(gen *ast.GenDecl) (groups [][]*ast.ImportSpec) {
	lastLine := 0
	for _, s := range gen.Specs {
		spec := s.(*ast.ImportSpec)
		first := spec.Pos()
		if spec.Doc != nil {
			first = spec.Doc.Pos()
		}
		line := p.Fset.PositionFor(first, false).Line
		if len(groups) == 0 || line > lastLine+1 {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], spec)
		lastLine = p.Fset.PositionFor(spec.End(), false).Line
	}
	return groups
}

// usedNames returns the names of imported packages that the file refers to.
func (p *Version) usedNames() map[string]bool {
	used := map[string]bool{}
	ast.Inspect(p.File, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			// The parser resolves local names; what it does not know is a package, or
			// a name of another file of this package.
			if id, ok := sel.X.(*ast.Ident); ok && id.Obj == nil {
				used[id.Name] = true
			}
		}
		return true
	})
	return used
}

// DropImports removes the imports that before used and after no longer does. names maps
// import paths to the names they have without an alias. The comments of one go to the import
// of the path heir.
func DropImports(before, after []byte, names map[string]string, heir string) ([]byte, error) {
	old, err := Parse(before)
	if err != nil {
		return nil, err
	}
	for {
		now, err := Parse(after)
		if err != nil {
			return nil, err
		}
		wasUsed, isUsed := old.usedNames(), now.usedNames()
		var unused *ast.ImportSpec
		var decl *ast.GenDecl
		for _, d := range now.File.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.IMPORT {
				continue
			}
			for _, s := range gen.Specs {
				spec := s.(*ast.ImportSpec)
				name := names[source.ImportPath(spec)]
				if spec.Name != nil {
					name = spec.Name.Name
				}
				if name == "" || name == "_" || name == "." || isUsed[name] || !wasUsed[name] {
					continue
				}
				unused, decl = spec, gen
			}
		}
		if unused == nil {
			return after, nil
		}
		start, end := now.Offset(unused.Pos()), now.Offset(unused.End())
		if unused.Doc != nil || unused.Comment != nil {
			if after, err = now.inherit(unused, len(decl.Specs) == 1, heir); err != nil {
				return nil, err
			}
			continue
		}
		if len(decl.Specs) == 1 {
			if decl.Doc != nil {
				return nil, fmt.Errorf("the import of %s has a comment and is no longer used", source.ImportPath(unused))
			}
			start, end = now.Offset(decl.Pos()), now.Offset(decl.End())
		}
		after = now.deleteLines(start, end)
	}
}

// inherit moves the comments of an import to that of another path, and leaves it without.
func (p *Version) inherit(from *ast.ImportSpec, alone bool, path string) ([]byte, error) {
	var to *ast.ImportSpec
	for _, s := range p.File.Imports {
		if source.ImportPath(s) == path {
			to = s
		}
	}
	stays := fmt.Errorf("the import of %s has a comment and is no longer used", source.ImportPath(from))
	if to == nil || to.Doc != nil || to.Comment != nil || alone && from.Doc != nil {
		return nil, stays
	}
	var es Edits
	for _, g := range []*ast.CommentGroup{from.Doc, from.Comment} {
		for i := 0; g != nil && i < len(g.List); i++ {
			if IsDirective(g.List[i].Text) {
				return nil, stays
			}
		}
	}
	if g := from.Doc; g != nil {
		start, end := p.Offset(g.Pos()), p.Offset(from.Pos())
		es = append(es, Edit{Start: start, End: end}, Edit{Start: p.Offset(to.Pos()), End: p.Offset(to.Pos()), Text: string(p.src[start:end])})
	}
	if g := from.Comment; g != nil {
		start, end := p.Offset(from.End()), p.Offset(g.End())
		es = append(es, Edit{Start: start, End: end}, Edit{Start: p.Offset(to.End()), End: p.Offset(to.End()), Text: string(p.src[start:end])})
	}
	return es.Apply(p.src)
}

// deleteLines removes the lines of [start, end), and a blank line that would be left at
// the edge of a group.
func (p *Version) deleteLines(start, end int) []byte {
	if len(bytes.TrimSpace(p.src[p.lineStart(start):start])) > 0 || len(bytes.TrimSpace(p.src[end:p.lineEnd(end)])) > 0 {
		// Something else is on the line: take only the bytes.
		return append(append([]byte(nil), p.src[:start]...), p.src[end:]...)
	}
	from, to := p.lineStart(start), p.lineEnd(end)
	to = p.next(to)
	blankBefore := from == 0 || len(bytes.TrimSpace(p.src[p.lineStart(from-1):from])) == 0 || bytes.HasSuffix(bytes.TrimSpace(p.src[:from]), []byte("("))
	nextLine := p.src[to:p.lineEnd(to)]
	blankAfter := len(bytes.TrimSpace(nextLine)) == 0 && to < len(p.src)
	if blankBefore && blankAfter {
		to = p.next(p.lineEnd(to))
	} else if bytes.HasPrefix(bytes.TrimSpace(nextLine), []byte(")")) && from > 0 {
		if prev := p.lineStart(from - 1); len(bytes.TrimSpace(p.src[prev:from])) == 0 {
			from = prev
		}
	}
	return append(append([]byte(nil), p.src[:from]...), p.src[to:]...)
}

// next returns the offset behind the line end at offset.
func (p *Version) next(offset int) int {
	if offset < len(p.src) && p.src[offset] == '\r' {
		offset++
	}
	if offset < len(p.src) && p.src[offset] == '\n' {
		offset++
	}
	return offset
}

func lastElem(importPath string) string { return importPath[strings.LastIndexByte(importPath, '/')+1:] }
