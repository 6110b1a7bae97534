package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/tools/go/ssa"

	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/source"
)

// Repeaters.
//
// A retry need not be a loop of this module: a library may call a function again and
// again. Those that are known are told by their path. Others have to say so by name, as
// nothing else tells them from a library that calls the function once: what follows is a
// guard at most, which does no harm to code that is not repeated.

// repeaters are packages that call a function again and again.
var repeaters = []string{
	"k8s.io/apimachinery/pkg/util/wait", "github.com/cenkalti/backoff", "github.com/avast/retry-go",
	"github.com/sethvargo/go-retry", "github.com/lestrrat-go/backoff", "github.com/robfig/cron",
}

// repeaterPackages and repeaterWords are the names by which other packages, and functions
// of other modules, say that they repeat what they are given.
var (
	repeaterPackages = []string{"retry", "backoff", "cron"}
	repeaterWords    = map[string]bool{
		"every": true, "until": true, "poll": true, "polling": true, "retry": true, "retries": true, "repeat": true,
		"eventually": true, "consistently": true, "forever": true, "backoff": true, "periodic": true, "periodically": true, "interval": true, "loop": true,
	}
)

// IsRepeater reports whether obj, a function of another module, calls again and again what
// it is given.
func IsRepeater(p *source.Program, obj types.Object) bool {
	fn, ok := obj.(*types.Func)
	if !ok || fn.Pkg() == nil || p.FileAt(fn.Pos()) != nil {
		return false
	}
	path := fn.Pkg().Path()
	if importpath.WithinAny(path, repeaters) {
		recv := fn.Signature().Recv()
		return recv == nil || !source.IsNamed(recv.Type(), "k8s.io/apimachinery/pkg/util/wait", "Group") // which starts it once
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return false // of the standard library
	}
	for _, name := range repeaterPackages {
		if strings.Contains(strings.ToLower(fn.Pkg().Name()), name) {
			return true
		}
	}
	for _, word := range words(fn.Name()) {
		if repeaterWords[word] {
			return true
		}
	}
	return false
}

// words splits a name in mixed caps, in lower case.
func words(name string) (out []string) {
	start := 0
	for i, r := range name {
		if i > start && unicode.IsUpper(r) {
			out = append(out, strings.ToLower(name[start:i]))
			start = i
		}
	}
	return append(out, strings.ToLower(name[start:]))
}

// repeated makes sites of what repeats without a loop: libraries, functions that call
// themselves, timers that are set again, and loops that send what others try.
func (r *reach) repeated() (out []*Site) {
	seen := map[token.Pos]bool{}
	add := func(at token.Pos, first []Hop) {
		if pl, ok := r.ways.place(at); ok && !seen[at] && len(first) > 0 {
			seen[at] = true
			call, ok := pl.node.(*ast.CallExpr)
			if ok {
				out = append(out, r.without(pl, call, first)...)
			}
		}
	}
	handed := map[token.Pos][]*callgraph.Edge{}
	for _, fn := range r.ways.graph.All() {
		for _, e := range r.ways.graph.From(fn) {
			if e.Kind == callgraph.Handed && (IsRepeater(r.p.Program, e.To) || source.IsObject(e.To, "time", "AfterFunc") && r.setsAgain(e)) {
				handed[callgraph.Pos(e.Site)] = append(handed[callgraph.Pos(e.Site)], e)
			}
		}
	}
	for _, at := range slices.Sorted(maps.Keys(handed)) {
		pl, _ := r.ways.place(at)
		var first []Hop
		for _, e := range handed[at] {
			for _, to := range r.ways.entities(e, pl, map[*ssa.Function]bool{}) {
				if len(r.hops[to]) == 0 {
					continue
				}
				if call, ok := pl.node.(*ast.CallExpr); ok {
					if h := r.given(pl.file, call, e, to); !slices.Contains(first, h) {
						first = append(first, h)
					}
				}
			}
		}
		add(at, first)
	}
	for _, c := range r.ways.walk.Circles() {
		if !c.Fixed || len(r.hops[c.First.Func.Pos()]) == 0 || len(r.hops[c.At.Func.Pos()]) == 0 {
			continue
		}
		add(callgraph.Pos(c.At.Site), r.hops[c.First.Func.Pos()])
	}
	return out
}

// given returns the hop that the argument of a call is, which is given away.
func (r *reach) given(f *source.File, call *ast.CallExpr, e *callgraph.Edge, to token.Pos) Hop {
	a := r.argument(f, call, e, to)
	if sel, ok := ast.Unparen(a).(*ast.SelectorExpr); ok && sel.Sel.Pos() == to {
		return Hop{File: f, Node: a} // it names the attempt itself
	}
	return Hop{f, a, to}
}

// argument returns the argument of a call by which a function is given away, or the call.
func (r *reach) argument(f *source.File, call *ast.CallExpr, e *callgraph.Edge, to token.Pos) ast.Expr {
	for _, a := range call.Args {
		switch x := ast.Unparen(a).(type) {
		case *ast.FuncLit:
			if x.Pos() == to {
				return a
			}
		case *ast.SelectorExpr:
			if obj := f.ObjectOf(x.Sel); obj != nil && (obj.Pos() == to || x.Sel.Pos() == to) {
				return a
			}
		case *ast.Ident:
			if obj := f.ObjectOf(x); obj != nil && obj.Pos() == to {
				return a
			}
		}
	}
	for _, a := range call.Args {
		t := f.TypeOf(a)
		if t == nil {
			continue
		}
		if _, isFunc := source.Under(t).(*types.Signature); isFunc && e.Method == "" {
			return a
		}
		if obj, _, _ := types.LookupFieldOrMethod(t, true, f.Pkg.Types, e.Method); e.Method != "" && obj != nil {
			return a
		}
	}
	return call
}

// setsAgain reports whether a function that a timer calls sets it again, so that the timer
// repeats it, or a loop does that.
func (r *reach) setsAgain(e *callgraph.Edge) bool {
	seen := map[*ssa.Function]bool{}
	var resets func(fn *ssa.Function) bool
	resets = func(fn *ssa.Function) bool {
		if seen[fn] || len(fn.Blocks) == 0 {
			return false
		}
		seen[fn] = true
		for _, next := range r.ways.graph.From(fn) {
			if next.Callee.Name() == "Reset" && next.Callee.Object() != nil && source.IsNamed(next.Callee.Object().(*types.Func).Signature().Recv().Type(), "time", "Timer") {
				return true
			}
			if next.Kind == callgraph.Call && resets(next.Callee) {
				return true
			}
		}
		return false
	}
	return resets(e.Callee) || r.ways.walk.SetAgain(e.Site)
}

// sent makes sites of the loops of a file that send functions which try to somebody who
// calls them, but for those that are sites since they call them as well. more reports whether
// functions that send them outside of loops are new.
func (r *reach) sent(f *source.File, known []*Site) (out []*Site, more bool) {
	for _, at := range slices.Sorted(maps.Keys(r.ways.sends)) {
		pl := r.ways.sends[at]
		if pl.file != f {
			continue
		}
		to := r.from(at)
		if len(to) == 0 {
			continue
		}
		var first []Hop
		for _, t := range to {
			first = append(first, Hop{f, pl.node, t})
		}
		if s := r.sends(pl, at); s != nil {
			r.way(s, first)
			if !slices.ContainsFunc(known, func(k *Site) bool { return k.Node == s.Node }) {
				out = append(out, s)
			}
		} else if fn := f.Enclosing(pl.stack()); fn.IsValid() {
			for _, h := range first {
				more = r.add(fn, h) || more
			}
		}
	}
	return out, more
}

// sends makes a site of the innermost loop that sends the same try again and again, at the
// pace of a clock.
func (r *reach) sends(pl place, at token.Pos) *Site {
	stack := pl.stack()
	for i := len(stack) - 1; i >= 0; i-- {
		switch loop := stack[i].(type) {
		case *ast.FuncLit, *ast.FuncDecl:
			return nil
		case *ast.ForStmt, *ast.RangeStmt:
			if fixed, ok := r.ways.walk.Fixed(at, loop.Pos(), loop.End()); !ok || !fixed {
				continue
			}
			s := &Site{Functions: r.p.Functions, File: pl.file, Cycle: cycleOf(loop.(ast.Stmt)), Calls: []*ast.CallExpr{{Fun: pl.node, Lparen: at, Rparen: pl.node.End() - 1}}}
			if !s.place(stack[:i]) {
				return nil
			}
			s.walk(search{file: pl.file, attempt: r.attempt, isTry: func(*ast.CallExpr) bool { return false }})
			s.Walker.Bad, s.Tries = pl.node, nil
			if len(s.Clocks) > 0 || s.Pausing() != nil {
				return s
			}
		}
	}
	return nil
}

// without makes a site that is no loop: call leads to the first hops again and again.
func (r *reach) without(pl place, call *ast.CallExpr, first []Hop) []*Site {
	s := &Site{Functions: r.p.Functions, File: pl.file, Cycle: cycleOf(&ast.ExprStmt{X: call}), Calls: []*ast.CallExpr{call}}
	if !s.place(pl.stack()) {
		return nil
	}
	s.Walker = &Walker{Fns: r.p.Functions, Attempt: r.attempt, File: pl.file, Loop: s.Node, IsTry: func(*ast.CallExpr) bool { return false }, Bad: call}
	r.way(s, first)
	s.Chain = append(Chain{{pl.file, call, first[0].To}}, s.Chain...)
	return []*Site{s}
}
