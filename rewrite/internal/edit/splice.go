package edit

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/dave/dst"
	"github.com/dave/dst/decorator"
	"github.com/dave/dst/dstutil"

	"etcdmod/rewrite/internal/source"
)

// A Wait is what comes in the place of a loop: one call that waits, and the statements of the
// loop that are kept around it.
//
//	if Err := Call; Err != nil {
//		if EndedIf != nil {
//			Ended
//		}
//		Failed
//	}
//	Success
//
// Nodes are those of the file as it was parsed first.
type Wait struct {
	Loop ast.Stmt   // with its label, if it has one
	Drop []ast.Stmt // statements around the loop, or of what is kept, that go with it
	Call string
	// Return says that the result of Call is what the function returns: nothing is kept.
	Return bool
	Err    string // the variable for the error of Call
	Assign bool   // it is declared before
	// Ended is kept for the end of the context, which EndedIf tells from other errors; without
	// EndedIf, for every error. Errors are expressions in it that become Err.
	Ended   []ast.Stmt
	EndedIf string
	Errors  []ast.Expr
	Failed  []ast.Stmt
	Success []ast.Stmt
}

// A splicer carries out waits on the dst tree of one file and puts the text of the
// declarations that changed between the original bytes.
type splicer struct {
	Version        // with the line ends of gofmt, which is what dst knows
	src     []byte // as the file has them
	es      Edits  // made since the nodes' positions were taken
	at      func(token.Pos) int
	dec     *decorator.Decorator
	tree    *dst.File
}

// Splice puts the waits of one file into src, which is the file's original text with es
// applied. at gives the offset of a position in the original text.
func Splice(src []byte, es Edits, waits []Wait, at func(token.Pos) int) (out []byte, err error) {
	defer func() {
		// dst panics on trees that it cannot restore.
		if r := recover(); r != nil {
			err = fmt.Errorf("rewriting the loop: %v", r)
		}
	}()
	whole, err := Parse(src)
	if err != nil {
		return nil, err
	}
	ps, err := Parse(clean(src))
	if err != nil {
		return nil, err
	}
	s := &splicer{Version: *ps, src: src, es: es, at: at, dec: decorator.NewDecorator(ps.Fset)}
	if s.tree, err = s.dec.DecorateFile(s.File); err != nil {
		return nil, err
	}
	changed := map[int]bool{}
	for _, w := range waits {
		i := s.DeclAt(s.offset(w.Loop.Pos()))
		if i < 0 {
			return nil, fmt.Errorf("no declaration holds the loop")
		}
		changed[i] = true
		if err := s.replace(w); err != nil {
			return nil, err
		}
	}
	var buf bytes.Buffer
	if err := decorator.NewRestorer().Fprint(&buf, s.tree); err != nil {
		return nil, err
	}
	restored, err := Parse(buf.Bytes())
	if err != nil {
		return nil, err
	}
	if len(restored.File.Decls) != len(s.File.Decls) {
		return nil, fmt.Errorf("the rewrite changed the number of declarations")
	}
	var splices Edits
	for i := range changed {
		start, end := whole.Span(whole.File.Decls[i])
		splices = append(splices, Edit{Start: start, End: end, Text: string(WithLineEnds(DeclText(restored, i), IsCRLF(src)))})
	}
	return splices.Apply(src)
}

// offset returns where a position of the original file is now, in the text with the line ends
// of gofmt.
func (s *splicer) offset(pos token.Pos) int {
	at := s.es.Moved(s.at(pos))
	return at - bytes.Count(s.src[:at], []byte("\r\n"))
}

// find returns the dst node of a node of the original file: the one of its type that begins
// and ends where it does.
func (s *splicer) find(n ast.Node) (dst.Node, error) {
	at, end := s.offset(n.Pos()), s.offset(n.End())
	want := reflect.TypeOf(n)
	var found ast.Node
	ast.Inspect(s.File, func(m ast.Node) bool {
		if m != nil && found == nil && reflect.TypeOf(m) == want && s.Offset(m.Pos()) == at && s.Offset(m.End()) == end {
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
func (s *splicer) replace(w Wait) error {
	loop, err := s.find(w.Loop)
	if err != nil {
		return err
	}
	var drops []dst.Node
	for _, d := range w.Drop {
		if source.Within(d, w.Loop) {
			continue // goes with the loop, or stays with what is kept of it
		}
		n, err := s.find(d)
		if err != nil {
			return err
		}
		drops = append(drops, n)
	}
	stmts, kept, err := s.waiting(w)
	if err != nil {
		return err
	}

	// Comments of what goes and is not kept move in front of what comes.
	var comments []string
	for _, n := range append(append([]dst.Node(nil), drops...), loop) {
		comments = append(comments, looseComments(n, kept)...)
	}
	for _, text := range comments {
		if IsDirective(text) {
			return StrayError(text)
		}
	}
	s.inOrder(comments, w)
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
		if at+1 < len(*list) && ((*list)[at+1] == loop || slices.Contains(drops, dst.Node((*list)[at+1]))) {
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

// inOrder sorts comments of w as they come in the file. Several may have the same text, and so may others before.
func (s *splicer) inOrder(comments []string, w Wait) {
	from := s.offset(w.Loop.Pos())
	for _, d := range w.Drop {
		from = min(from, s.offset(d.Pos()))
	}
	places := map[string][]int{}
	for _, group := range s.File.Comments {
		for _, c := range group.List {
			if at := s.Offset(c.Pos()); at >= from {
				places[c.Text] = append(places[c.Text], at)
			}
		}
	}
	at := make([]int, len(comments))
	for i, text := range comments {
		if all := places[text]; len(all) > 0 {
			at[i], places[text] = all[0], all[1:]
		}
	}
	sort.Stable(byPlace{comments, at})
}

// byPlace sorts comments by where they are.
type byPlace struct {
	comments []string
	at       []int
}

func (b byPlace) Len() int           { return len(b.at) }
func (b byPlace) Less(i, j int) bool { return b.at[i] < b.at[j] }
func (b byPlace) Swap(i, j int) {
	b.comments[i], b.comments[j] = b.comments[j], b.comments[i]
	b.at[i], b.at[j] = b.at[j], b.at[i]
}

// waiting builds the statements that replace the loop. kept holds the nodes of the old
// tree that they reuse.
func (s *splicer) waiting(w Wait) (stmts []dst.Stmt, kept map[dst.Node]bool, err error) {
	kept = map[dst.Node]bool{}
	if w.Return {
		list, err := statements("return " + w.Call)
		return list, kept, err
	}
	op := ":="
	if w.Assign {
		op = "="
	}
	list, err := statements(fmt.Sprintf("if %s %s %s; %s != nil {\n}", w.Err, op, w.Call, w.Err))
	if err != nil {
		return nil, nil, err
	}
	ended, err := s.kept(w, w.Ended, kept)
	if err != nil {
		return nil, nil, err
	}
	if err := s.become(w.Err, w.Errors, ended); err != nil {
		return nil, nil, err
	}
	if w.EndedIf != "" {
		inner, err := statements("if " + w.EndedIf + " != nil {\n}")
		if err != nil {
			return nil, nil, err
		}
		inner[0].(*dst.IfStmt).Body.List = ended
		ended = inner
	}
	failed, err := s.kept(w, w.Failed, kept)
	if err != nil {
		return nil, nil, err
	}
	body := list[0].(*dst.IfStmt).Body
	body.List = append(ended, failed...)
	for _, b := range body.List {
		b.Decorations().Before = dst.NewLine
	}
	success, err := s.kept(w, w.Success, kept)
	if err != nil {
		return nil, nil, err
	}
	if len(success) > 0 {
		success[0].Decorations().Before = dst.NewLine
	}
	return append(list, success...), kept, nil
}

// become replaces expressions in a list of statements by a name.
func (s *splicer) become(name string, exprs []ast.Expr, list []dst.Stmt) error {
	for _, e := range exprs {
		old, err := s.find(e)
		if err != nil {
			return err
		}
		for _, d := range list {
			dstutil.Apply(d, func(cur *dstutil.Cursor) bool {
				if cur.Node() == old {
					cur.Replace(dst.NewIdent(name))
					return false
				}
				return true
			}, nil)
		}
	}
	return nil
}

// kept finds statements that move to the new code, without those that go with the clock.
func (s *splicer) kept(w Wait, list []ast.Stmt, kept map[dst.Node]bool) ([]dst.Stmt, error) {
	var wanted []ast.Stmt
	for _, n := range list {
		if !slices.Contains(w.Drop, n) {
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
