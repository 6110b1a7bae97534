package rewrite

import (
	"bytes"
	"fmt"
	"go/ast"
	"reflect"
	"sort"
	"strings"

	"github.com/dave/dst"
	"github.com/dave/dst/decorator"
	"github.com/dave/dst/dstutil"

	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/source"
)

// A splicer carries out collapses on the dst tree of one file and puts the text of the
// declarations that changed between the original bytes.
type splicer struct {
	edit.Version
	es   edit.Edits // made since the nodes' positions were taken
	prog *source.Program
	dec  *decorator.Decorator
	tree *dst.File
}

// spliceAll applies the collapses of one file to src, which is the file's original text
// with es applied. qualifier is the name of the helper package in the file.
func spliceAll(p *source.Program, src []byte, es edit.Edits, cs []*collapse, qualifier string) (out []byte, err error) {
	defer func() {
		// dst panics on trees that it cannot restore.
		if r := recover(); r != nil {
			err = fmt.Errorf("rewriting the loop: %v", r)
		}
	}()
	ps, err := edit.Parse(src)
	if err != nil {
		return nil, err
	}
	s := &splicer{Version: *ps, es: es, prog: p, dec: decorator.NewDecorator(ps.Fset)}
	if s.tree, err = s.dec.DecorateFile(s.File); err != nil {
		return nil, err
	}
	changed := map[int]bool{}
	for _, c := range cs {
		i := s.DeclAt(es.Moved(p.Offset(c.site.loop.Pos())))
		if i < 0 {
			return nil, fmt.Errorf("no declaration holds the loop")
		}
		changed[i] = true
		if err := s.replace(c, qualifier); err != nil {
			return nil, err
		}
	}
	var buf bytes.Buffer
	if err := decorator.NewRestorer().Fprint(&buf, s.tree); err != nil {
		return nil, err
	}
	restored, err := edit.Parse(buf.Bytes())
	if err != nil {
		return nil, err
	}
	if len(restored.File.Decls) != len(s.File.Decls) {
		return nil, fmt.Errorf("the rewrite changed the number of declarations")
	}
	var splices edit.Edits
	for i := range changed {
		start, end := s.Span(s.File.Decls[i])
		splices = append(splices, edit.Edit{Start: start, End: end, Text: string(edit.WithLineEnds(edit.DeclText(restored, i), edit.IsCRLF(src)))})
	}
	return splices.Apply(src)
}

// find returns the dst node of a node of the original file.
func (s *splicer) find(n ast.Node) (dst.Node, error) {
	at := s.es.Moved(s.prog.Offset(n.Pos()))
	want := reflect.TypeOf(n)
	var found ast.Node
	ast.Inspect(s.File, func(m ast.Node) bool {
		if m != nil && found == nil && reflect.TypeOf(m) == want && s.Offset(m.Pos()) == at {
			found = m
		}
		return found == nil
	})
	if d := s.dec.Dst.Nodes[found]; found != nil && d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("lost the %T at offset %d", n, at)
}

func (s *splicer) findStmts(list []ast.Stmt) ([]dst.Stmt, error) {
	out := make([]dst.Stmt, len(list))
	for i, n := range list {
		d, err := s.find(n)
		if err != nil {
			return nil, err
		}
		out[i] = d.(dst.Stmt)
	}
	return out, nil
}

// replace puts the statements that wait in the place of one loop.
func (s *splicer) replace(c *collapse, qualifier string) error {
	var target ast.Stmt = c.site.loop
	if c.site.label != nil {
		target = c.site.label
	}
	loop, err := s.find(target)
	if err != nil {
		return err
	}
	var drops []dst.Node
	for _, d := range c.drop {
		if source.Within(d, c.site.loop) {
			continue // goes with the loop, or stays with what is kept of it
		}
		n, err := s.find(d)
		if err != nil {
			return err
		}
		drops = append(drops, n)
	}
	stmts, kept, err := s.waiting(c, qualifier)
	if err != nil {
		return err
	}

	// Comments of what goes and is not kept move in front of what comes.
	var comments []string
	for _, n := range append(append([]dst.Node(nil), drops...), loop) {
		comments = append(comments, looseComments(n, kept)...)
	}
	s.inOrder(comments)
	first := stmts[0].Decorations()
	for _, text := range comments {
		first.Start.Append(text)
	}
	if len(comments) > 0 && strings.HasPrefix(comments[len(comments)-1], "/*") {
		first.Start.Append("\n")
	}

	// Take out the clock, then put the new statements where the loop was.
	before := loop.Decorations().Before
	for i := len(drops) - 1; i >= 0; i-- {
		list, at := listOf(s.tree, drops[i])
		if list == nil {
			return fmt.Errorf("lost the statement that makes the clock")
		}
		if at+1 < len(*list) && ((*list)[at+1] == loop || dropsContain(drops, (*list)[at+1])) {
			before = drops[i].Decorations().Before
		}
		*list = append((*list)[:at], (*list)[at+1:]...)
	}
	list, at := listOf(s.tree, loop)
	if list == nil {
		return fmt.Errorf("lost the loop")
	}
	first.Before = before
	if at == 0 {
		first.Before = dst.NewLine
	}
	last := stmts[len(stmts)-1].Decorations()
	last.After = dst.NewLine
	if at+1 < len(*list) {
		last.After = loop.Decorations().After
	}
	rest := append([]dst.Stmt(nil), (*list)[at+1:]...)
	*list = append(append((*list)[:at:at], stmts...), rest...)
	return nil
}

// inOrder sorts comments as they come in the file.
func (s *splicer) inOrder(comments []string) {
	place := map[string]int{}
	i := 0
	for _, group := range s.File.Comments {
		for _, c := range group.List {
			if i++; place[c.Text] == 0 {
				place[c.Text] = i
			}
		}
	}
	sort.SliceStable(comments, func(i, j int) bool { return place[comments[i]] < place[comments[j]] })
}

func dropsContain(drops []dst.Node, n dst.Node) bool {
	for _, d := range drops {
		if d == n {
			return true
		}
	}
	return false
}

// waiting builds the statements that replace the loop. kept holds the nodes of the old
// tree that they reuse.
func (s *splicer) waiting(c *collapse, qualifier string) (stmts []dst.Stmt, kept map[dst.Node]bool, err error) {
	p := s.prog
	kept = map[dst.Node]bool{}
	call := p.Text(c.site.mutex()) + "." + c.method(qualifier)
	if c.direct() {
		list, err := statements("return " + call)
		return list, kept, err
	}
	name := c.errVar
	if name == "" {
		name = "err"
	}
	op := ":="
	if c.assign {
		op = "="
	}
	text := fmt.Sprintf("if %s %s %s; %s != nil {\n}", name, op, call, name)
	list, err := statements(text)
	if err != nil {
		return nil, nil, err
	}
	body := list[0].(*dst.IfStmt).Body
	done, err := s.kept(c, c.done, kept)
	if err != nil {
		return nil, nil, err
	}
	others, err := s.kept(c, c.others, kept)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case c.others == nil: // the end of the context and of the session leave alike
		for _, e := range c.contextErrors(&ast.BlockStmt{List: c.done}) {
			old, err := s.find(e)
			if err != nil {
				return nil, nil, err
			}
			for _, d := range done {
				dstutil.Apply(d, func(cur *dstutil.Cursor) bool {
					if cur.Node() == old {
						cur.Replace(dst.NewIdent(name))
						return false
					}
					return true
				}, nil)
			}
		}
		body.List = done
	case c.done == nil || c.plainContextError() && c.plainError(c.others):
		for _, d := range done { // WatchLock has returned ctx.Err() itself
			delete(kept, d)
		}
		body.List = others
	default:
		inner, err := statements(fmt.Sprintf("if %s.Err() != nil {\n}", c.ctx))
		if err != nil {
			return nil, nil, err
		}
		inner[0].(*dst.IfStmt).Body.List = done
		body.List = append(inner, others...)
	}
	for _, b := range body.List {
		b.Decorations().Before = dst.NewLine
	}
	success, err := s.kept(c, c.success, kept)
	if err != nil {
		return nil, nil, err
	}
	if len(success) > 0 {
		success[0].Decorations().Before = dst.NewLine
	}
	return append(list, success...), kept, nil
}

// kept finds statements that move to the new code, without those that go with the clock.
func (s *splicer) kept(c *collapse, list []ast.Stmt, kept map[dst.Node]bool) ([]dst.Stmt, error) {
	var wanted []ast.Stmt
	for _, n := range list {
		dropped := false
		for _, d := range c.drop {
			dropped = dropped || d == n
		}
		if !dropped {
			wanted = append(wanted, n)
		}
	}
	out, err := s.findStmts(wanted)
	if err != nil {
		return nil, err
	}
	for _, n := range out {
		kept[n] = true
	}
	return out, nil
}

// method returns the helper's method and its arguments.
func (c *collapse) method(qualifier string) string {
	switch {
	case c.lock:
		return fmt.Sprintf("Lock(%s)", c.ctx)
	case c.storm && c.retry:
		return fmt.Sprintf("WatchLockRetry(%s, %s.RetryInterval)", c.ctx, qualifier)
	case c.retry:
		return fmt.Sprintf("WatchLockRetry(%s, %s)", c.ctx, c.every)
	case c.storm || c.every == "":
		return fmt.Sprintf("WatchLock(%s)", c.ctx)
	default:
		return fmt.Sprintf("WatchLockEvery(%s, %s)", c.ctx, c.every)
	}
}

// statements parses source text into dst statements without positions or decorations.
func statements(text string) ([]dst.Stmt, error) {
	f, err := decorator.Parse("package p\n\nfunc _() {\n" + text + "\n}\n")
	if err != nil {
		return nil, err
	}
	body := f.Decls[0].(*dst.FuncDecl).Body
	list := body.List
	body.List = nil
	for _, s := range list {
		s.Decorations().Before, s.Decorations().After = dst.NewLine, dst.NewLine
	}
	return list, nil
}

// looseComments returns the comments on and below n, without those of kept nodes.
func looseComments(n dst.Node, kept map[dst.Node]bool) (out []string) {
	dst.Inspect(n, func(m dst.Node) bool {
		if m == nil || kept[m] {
			return false
		}
		_, _, points := dstutil.Decorations(m)
		for _, point := range points {
			for _, text := range point.Decs {
				if strings.HasPrefix(text, "//") || strings.HasPrefix(text, "/*") {
					out = append(out, text)
				}
			}
		}
		return true
	})
	return out
}

// listOf returns the statement list that holds n, and its place there.
func listOf(tree *dst.File, n dst.Node) (list *[]dst.Stmt, at int) {
	look := func(l *[]dst.Stmt) {
		for i, s := range *l {
			if s == n {
				list, at = l, i
			}
		}
	}
	dst.Inspect(tree, func(m dst.Node) bool {
		switch m := m.(type) {
		case *dst.BlockStmt:
			look(&m.List)
		case *dst.CaseClause:
			look(&m.Body)
		case *dst.CommClause:
			look(&m.Body)
		}
		return list == nil
	})
	return list, at
}
