// Package leaks finds the calls that make the watch-stream leak of old etcd clients real.
//
// It takes loaded packages and gives the calls of Watch, Mutex.Lock, Election.Campaign and
// Election.Observe whose context has a deadline, each with the way from where the deadline
// is set to the call. It follows a context through variables, through the functions of
// package context and of the client that derive one from another, and through parameters to
// the static callers; it does not follow fields, channels, interfaces and results of other
// functions, and says so. It changes nothing.
//
// The trigger is the deadline: a context that is only cancelled, or only has values, does
// not leak (etcd issue #8338).
package leaks

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"

	"etcdmod/modbump"
)

// A Call is one place where an entry of the stream table is lost.
type Call struct {
	Pos  token.Position
	Name string // "Mutex.Lock"
	// Path leads from where the deadline is set to the call, without the call itself. It
	// is empty where it is not known whether there is a deadline.
	Path []Frame
	// Known is false where the context comes from where it cannot be followed.
	Known bool
}

// A Frame is a step of a way.
type Frame struct {
	Pos  token.Position
	Call string
}

// A Program is what was loaded in one build configuration.
type Program struct {
	Fset     *token.FileSet
	Packages []*packages.Package
}

// Calls returns the calls in the files of the programs that are not tests, in the order of
// their places, with one way to each. Those whose context certainly has no deadline are left
// out.
func Calls(programs ...Program) []Call {
	var all []Call
	seen := map[token.Position]bool{}
	for _, p := range programs {
		for _, c := range p.calls() {
			if !seen[c.Pos] {
				seen[c.Pos] = true
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Call) int {
		return cmp.Or(strings.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Offset, b.Pos.Offset))
	})
	return all
}

func (prog Program) calls() (calls []Call) {
	p := &sources{fset: prog.Fset, callers: map[string][]site{}, seen: map[string]bool{}}
	for _, pkg := range prog.Packages {
		if pkg.TypesInfo == nil {
			continue
		}
		for _, file := range pkg.Syntax {
			name := p.fset.Position(file.Pos()).Filename
			if strings.HasSuffix(name, "_test.go") || p.seen[name] {
				continue
			}
			p.seen[name] = true
			p.read(pkg.TypesInfo, file)
		}
	}
	for _, s := range p.sinks {
		origins := p.origins(s, 0, map[string]bool{})
		worst := none
		for _, o := range origins {
			worst = max(worst, o.kind)
		}
		for _, o := range origins {
			if o.kind == none || o.kind < worst {
				continue // one way with a deadline is enough
			}
			calls = append(calls, Call{Pos: p.fset.Position(s.call.Pos()), Name: s.name, Path: o.path, Known: o.kind == deadline})
		}
	}
	return calls
}

// A site is a call, with the function around it.
type site struct {
	call *ast.CallExpr
	name string
	info *types.Info
	outs []ast.Node // the *ast.FuncDecl and *ast.FuncLit around it, the innermost first
}

// sources are the files of a program.
type sources struct {
	fset    *token.FileSet
	sinks   []site
	callers map[string][]site // of the functions of the packages, by full name
	seen    map[string]bool   // files
}

// read collects the calls of one file.
func (p *sources) read(info *types.Info, file *ast.File) {
	ast.PreorderStack(file, nil, func(n ast.Node, stack []ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		fn := callee(info, call)
		if fn == nil {
			return true
		}
		var outs []ast.Node
		for i := len(stack) - 1; i >= 0; i-- {
			switch stack[i].(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				outs = append(outs, stack[i])
			}
		}
		s := site{call: call, info: info, outs: outs}
		if name := sink(fn); name != "" && len(call.Args) > 0 {
			s.name = name
			p.sinks = append(p.sinks, s)
			return true
		}
		s.name = fn.Name()
		p.callers[fn.FullName()] = append(p.callers[fn.FullName()], s)
		return true
	})
}

// callee returns the function that a call names; nil for a call of a function value.
func callee(info *types.Info, call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	switch f := fun.(type) {
	case *ast.Ident:
		fn, _ := info.Uses[f].(*types.Func)
		return fn
	case *ast.SelectorExpr:
		fn, _ := info.Uses[f.Sel].(*types.Func)
		return fn
	}
	return nil
}

// sink returns the name of a method that watches with its first argument; "" for others.
func sink(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil || fn.Pkg() == nil || !modbump.ClientPackage(fn.Pkg().Path()) {
		return ""
	}
	t := recv.Type()
	if ptr, ok := t.(*types.Pointer); ok {
		t = ptr.Elem()
	}
	named, ok := t.(*types.Named)
	if !ok {
		return ""
	}
	switch name := named.Obj().Name() + "." + fn.Name(); name {
	case "Mutex.Lock", "Election.Campaign", "Election.Observe":
		return name
	case "Watcher.Watch", "Client.Watch":
		return "Watch"
	}
	return ""
}
