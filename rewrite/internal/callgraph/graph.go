package callgraph

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/callgraph/vta"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"

	"etcdmod/rewrite/internal/source"
)

// A Graph is the call graph of a program.
type Graph struct {
	Fset *token.FileSet
	// Unbuilt are the packages that have no SSA form, with the reason.
	Unbuilt map[*packages.Package]string

	prog   *ssa.Program
	source map[*ssa.Package]*packages.Package
	funcs  map[*ssa.Function]bool // all that may be called
	list   []*ssa.Function        // those with a body, in a fixed order
	out    map[*ssa.Function][]*Edge
	in     map[*ssa.Function][]*Edge
	at     map[token.Pos][]ssa.Instruction // calls by their parenthesis, method values by their selector
	byPos  map[token.Pos][]*ssa.Function   // by declaration or literal
	stores map[token.Pos][]ssa.Value       // into fields, by the field
	global map[*ssa.Global][]ssa.Value     // into package variables
	elems  typeutil.Map                    // element type -> []ssa.Value put into maps, arrays and slices
	sent   typeutil.Map                    // the same of channels
	made   map[*ssa.Function][]*ssa.MakeClosure
	// returns are the statements by which a function returns.
	returns map[*ssa.Function][]*ssa.Return
	loops   map[*ssa.Function][]*Loop
	site    map[ssa.Instruction][]*Edge // out, by instruction
	taken   map[*ssa.Function]bool      // used as values
	boxes   typeutil.Map                // type -> []types.Object without a body that values of it are given to
	holder  holder                      // see Holds
	holds   map[types.Type]bool         // see mayHold
	empty   map[types.Type]bool         // see barren
	renewed typeutil.Map                // struct type -> whether loops make values of it; see keptOnce
	// mentioned are the functions that packages without SSA form use, by their declaration; nil until it is asked for.
	mentioned map[token.Pos]*packages.Package
	// bearers are the types of what is converted to interfaces that are functions, or hold some.
	bearers []types.Type
}

// A Kind is what makes the callee of an edge run.
type Kind int

const (
	Call    Kind = iota // a call, go or defer statement
	Handed              // it is given to, or stored in, something whose body is not loaded
	Sent                // it is sent through a channel
	Escaped             // something without a body gave it back to the caller
)

// An Edge says that the caller makes the callee run.
type Edge struct {
	Caller, Callee *ssa.Function
	Site           ssa.Instruction
	Kind           Kind
	// Value is what holds the callee at the site, or the receiver of the method that is
	// called, where the callee is no static one.
	Value ssa.Value
	// To is what a value is handed to: a function, or the field of a struct type. Method is
	// the method of Value that is called there, or "".
	To     types.Object
	Method string
	// Once says that the callee runs at most once, however often the site is executed: what
	// is called is the function that sync.OnceFunc and the like have made of it, or a sync.Once is
	// given it.
	Once bool
}

// New builds the graph of packages that come from one load, with their test variants.
// extra reports whether the methods of a type without a body can be called through
// interfaces of the program: those of other such types are left out.
func New(fset *token.FileSet, pkgs []*packages.Package, extra func(types.Type) bool) *Graph {
	g := &Graph{
		Fset: fset, Unbuilt: map[*packages.Package]string{},
		prog:   ssa.NewProgram(fset, ssa.InstantiateGenerics),
		source: map[*ssa.Package]*packages.Package{}, funcs: map[*ssa.Function]bool{},
		out: map[*ssa.Function][]*Edge{}, in: map[*ssa.Function][]*Edge{}, site: map[ssa.Instruction][]*Edge{},
		at: map[token.Pos][]ssa.Instruction{}, byPos: map[token.Pos][]*ssa.Function{},
		stores: map[token.Pos][]ssa.Value{}, global: map[*ssa.Global][]ssa.Value{},
		made: map[*ssa.Function][]*ssa.MakeClosure{}, returns: map[*ssa.Function][]*ssa.Return{}, loops: map[*ssa.Function][]*Loop{}, taken: map[*ssa.Function]bool{},
		holds: map[types.Type]bool{}, empty: map[types.Type]bool{},
		holder: holder{seen: map[ssa.Value]bool{}, fns: map[*ssa.Function]bool{}},
	}
	g.collect(extra, g.create(pkgs))
	g.index()
	for _, n := range vta.CallGraph(g.funcs, nil).Nodes {
		for _, e := range n.Out {
			if e.Site == nil {
				continue
			}
			edge := &Edge{Caller: e.Caller.Func, Callee: e.Callee.Func, Site: e.Site}
			if c := e.Site.Common(); c.StaticCallee() == nil || isClosure(c.Value) {
				edge.Value = c.Value
			}
			g.add(edge)
		}
	}
	g.sort() // what bounded searches find depends on the order
	g.opaque()
	g.sort()
	return g
}

func isClosure(v ssa.Value) bool {
	_, ok := v.(*ssa.MakeClosure)
	return ok
}

func (g *Graph) add(e *Edge) {
	for _, old := range g.site[e.Site] {
		if old.Callee == e.Callee && old.Kind == e.Kind && old.To == e.To {
			return
		}
	}
	g.site[e.Site] = append(g.site[e.Site], e)
	g.out[e.Caller] = append(g.out[e.Caller], e)
	g.in[e.Callee] = append(g.in[e.Callee], e)
}

// compare compares positions by the names of files: several are loaded at a time, so that
// another run has other positions for them.
func (g *Graph) compare(a, b token.Pos) int {
	if a == b {
		return 0
	}
	if f, h := g.Fset.File(a), g.Fset.File(b); f != h {
		return cmp.Or(strings.Compare(named(f), named(h)), int(a-b))
	}
	return int(a - b)
}

// named is the name of a file; what is nowhere comes first.
func named(f *token.File) string {
	if f == nil {
		return ""
	}
	return f.Name()
}

// order gives functions an order: those with source as they stand there, then the others by name.
// Where those stand depends on what they were loaded from.
func (g *Graph) order(a, b *ssa.Function) int {
	switch x, y := HasSource(a), HasSource(b); {
	case x && y && a.Pos() != b.Pos():
		return g.compare(a.Pos(), b.Pos())
	case x != y && x:
		return -1
	case x != y:
		return 1
	}
	return strings.Compare(a.String(), b.String())
}

// sort gives the edges an order that does not depend on maps.
func (g *Graph) sort() {
	less := func(a, b *Edge) int {
		if d := g.compare(place(a.Site), place(b.Site)); d != 0 {
			return d
		}
		return cmp.Or(int(a.Kind-b.Kind), g.order(a.Callee, b.Callee))
	}
	for _, m := range []map[*ssa.Function][]*Edge{g.out, g.in} {
		for _, es := range m {
			slices.SortStableFunc(es, less)
		}
	}
	for _, es := range g.site {
		slices.SortStableFunc(es, less)
	}
}

// create makes the SSA packages. Types are loaded for all that is imported; bodies only
// for packages without type errors of their own, whatever they import. It returns those that were
// given up while they were built.
func (g *Graph) create(pkgs []*packages.Package) (broken map[*ssa.Package]bool) {
	broken = map[*ssa.Package]bool{}
	own := map[*types.Package]*packages.Package{}
	for _, p := range pkgs {
		switch {
		case p.Types == nil:
			g.Unbuilt[p] = "it has no types"
		case len(p.TypeErrors) > 0:
			g.Unbuilt[p] = p.TypeErrors[0].Msg
		case slices.ContainsFunc(p.Errors, func(e packages.Error) bool { return e.Kind == packages.ParseError }):
			g.Unbuilt[p] = "it does not parse"
		case p.TypesInfo == nil || len(p.Syntax) == 0:
		default:
			own[p.Types] = p
		}
	}
	made := map[*types.Package]bool{}
	var create func(p *types.Package)
	create = func(p *types.Package) {
		if p == nil || made[p] {
			return
		}
		made[p] = true
		o := own[p]
		if o == nil { // nothing is built from it: what it imports is not named
			g.prog.CreatePackage(p, nil, nil, true)
			return
		}
		for _, q := range p.Imports() {
			create(q)
		}
		g.source[g.prog.CreatePackage(p, o.Syntax, o.TypesInfo, true)] = o
	}
	for _, p := range pkgs {
		create(p.Types)
	}
	for _, p := range g.prog.AllPackages() {
		if o := g.source[p]; o != nil {
			if err := build(p); err != nil {
				g.Unbuilt[o] = err.Error()
				delete(g.source, p)
				broken[p] = true
			}
		}
	}
	return broken
}

// build builds one package. The builder gives up with a panic where a type of a broken
// dependency is not what it should be.
func build(p *ssa.Package) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its types are broken: %v", r)
		}
	}()
	p.Build()
	return nil
}

// collect finds all functions: every declared one, whoever calls it, what is below, and
// what they name. Methods that only interfaces reach are taken for the types of the
// program, and of those that extra holds for. Functions of broken packages may be half built, and
// are left out.
func (g *Graph) collect(extra func(types.Type) bool, broken map[*ssa.Package]bool) {
	var todo []*ssa.Function
	visit := func(f *ssa.Function) {
		if f != nil && !g.funcs[f] && !broken[f.Pkg] {
			g.funcs[f] = true
			todo = append(todo, f)
		}
	}
	types_ := map[types.Type]bool{}
	for p, o := range g.source {
		visit(p.Func("init"))
		for _, obj := range o.TypesInfo.Defs {
			if fn, ok := obj.(*types.Func); ok {
				visit(g.prog.FuncValue(fn))
			}
		}
	}
	for len(todo) > 0 {
		f := todo[0]
		todo = todo[1:]
		for _, a := range f.AnonFuncs {
			visit(a)
		}
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				var space [10]*ssa.Value
				for _, op := range in.Operands(space[:0]) {
					if fn, ok := (*op).(*ssa.Function); ok {
						visit(fn)
						c, isCall := in.(ssa.CallInstruction)
						_, isClosure := in.(*ssa.MakeClosure)
						if !isClosure && (!isCall || *op != c.Common().Value) {
							g.taken[fn] = true
						}
					}
				}
				mi, ok := in.(*ssa.MakeInterface)
				if !ok || types_[mi.X.Type()] {
					continue
				}
				types_[mi.X.Type()] = true
				if isGeneric(mi.X.Type()) || !g.ofProgram(mi.X.Type()) && !extra(mi.X.Type()) {
					continue
				}
				set := g.prog.MethodSets.MethodSet(mi.X.Type())
				for i := range set.Len() {
					visit(g.prog.MethodValue(set.At(i)))
				}
			}
		}
	}
}

// ofProgram reports whether t, or what it points to, is declared in a package with a body,
// or has no name.
func (g *Graph) ofProgram(t types.Type) bool {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	named, ok := t.(*types.Named)
	return !ok || named.Obj().Pkg() != nil && g.source[g.prog.Package(named.Obj().Pkg())] != nil
}

func isGeneric(t types.Type) bool {
	for part := range source.Spelling(t) {
		if _, ok := part.(*types.TypeParam); ok {
			return true
		}
	}
	return false
}

// index notes where calls, functions, closures and stores are.
func (g *Graph) index() {
	boxed := map[types.Type]bool{}
	for f := range g.funcs {
		if len(f.Blocks) == 0 {
			continue
		}
		g.list = append(g.list, f)
		if HasSource(f) {
			g.byPos[f.Pos()] = append(g.byPos[f.Pos()], f)
		}
	}
	slices.SortFunc(g.list, g.order)
	for _, f := range g.list {
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				switch in := in.(type) {
				case ssa.CallInstruction:
					if at := in.Common().Pos(); at.IsValid() && HasSource(f) {
						g.at[at] = append(g.at[at], in)
					}
				case *ssa.MakeClosure:
					fn := in.Fn.(*ssa.Function)
					g.made[fn] = append(g.made[fn], in)
					if !HasSource(fn) && in.Pos().IsValid() {
						g.at[in.Pos()] = append(g.at[in.Pos()], in)
					}
				case *ssa.MakeInterface:
					if t := in.X.Type(); !boxed[t] {
						if boxed[t] = true; holdsFunc(t, 0) {
							g.bearers = append(g.bearers, t)
						}
					}
				case *ssa.Return:
					g.returns[f] = append(g.returns[f], in)
				case *ssa.Store:
					g.store(in.Addr, in.Val)
				case *ssa.MapUpdate:
					g.elem(&g.elems, in.Value)
				case *ssa.Send:
					g.elem(&g.sent, in.X)
					if in.Pos().IsValid() {
						g.at[in.Pos()] = append(g.at[in.Pos()], in)
					}
				case *ssa.Select:
					for _, s := range in.States {
						if s.Send != nil {
							g.elem(&g.sent, s.Send)
						}
					}
				}
			}
		}
	}
}

func (g *Graph) store(addr, val ssa.Value) {
	switch a := addr.(type) {
	case *ssa.FieldAddr:
		at := FieldOf(a.X.Type(), a.Field).Pos()
		g.stores[at] = append(g.stores[at], val)
	case *ssa.Global:
		g.global[a] = append(g.global[a], val)
	case *ssa.IndexAddr:
		g.elem(&g.elems, val)
	}
}

func (g *Graph) elem(of *typeutil.Map, v ssa.Value) {
	if !g.mayHold(v.Type()) {
		return
	}
	old, _ := of.At(v.Type()).([]ssa.Value)
	of.Set(v.Type(), append(old, v))
}

// FieldOf returns the i-th field of the struct type that t is, or points to.
func FieldOf(t types.Type, i int) *types.Var {
	t = types.Unalias(t).Underlying()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem().Underlying()
	}
	return t.(*types.Struct).Field(i)
}

// HasSource reports whether a function was written: wrappers of methods were not.
func HasSource(f *ssa.Function) bool {
	switch f.Syntax().(type) {
	case *ast.FuncDecl, *ast.FuncLit, *ast.RangeStmt:
		return true
	}
	return false
}

// IsYield reports whether f is the body of a loop over a function.
func IsYield(f *ssa.Function) bool { return f.Synthetic == "range-over-func yield" }

// At returns the instructions of a call with that parenthesis, of a method value with that
// selector, or of a send statement with that arrow: one for each variant and instance of the function around it. There is
// none in dead code, and in packages without SSA.
func (g *Graph) At(pos token.Pos) []ssa.Instruction { return g.at[pos] }

// Functions returns those that are declared there, or are that literal.
func (g *Graph) Functions(pos token.Pos) []*ssa.Function { return g.byPos[pos] }

// Out returns the edges of one instruction.
func (g *Graph) Out(site ssa.Instruction) []*Edge { return g.site[site] }

// From returns the edges that begin in f.
func (g *Graph) From(f *ssa.Function) []*Edge { return g.out[f] }

// In returns the edges that end in f.
func (g *Graph) In(f *ssa.Function) []*Edge { return g.in[f] }

// Given returns the functions and fields of code without a body that values of a type are
// given to in an interface.
func (g *Graph) Given(t types.Type) []types.Object {
	to, _ := g.boxes.At(t).([]types.Object)
	return to
}

// Mentioned returns a package without SSA form that uses a function of another package, or nil.
func (g *Graph) Mentioned(f *ssa.Function) *packages.Package {
	if g.mentioned == nil {
		g.mentioned = map[token.Pos]*packages.Package{}
		for p := range g.Unbuilt {
			if p.TypesInfo == nil {
				continue
			}
			for _, obj := range p.TypesInfo.Uses {
				if fn, ok := obj.(*types.Func); ok {
					if at := fn.Origin().Pos(); g.mentioned[at] == nil || p.PkgPath < g.mentioned[at].PkgPath {
						g.mentioned[at] = p
					}
				}
			}
		}
	}
	p := g.mentioned[f.Pos()]
	if f.Pkg == nil || p == nil || p.PkgPath == f.Pkg.Pkg.Path() {
		return nil
	}
	return p
}

// Taken reports whether a function is used as a value.
func (g *Graph) Taken(f *ssa.Function) bool { return g.taken[f] }

// Closures returns where a function literal, or a method value, is made.
func (g *Graph) Closures(f *ssa.Function) []*ssa.MakeClosure { return g.made[f] }

// All returns all functions that have a body, in a fixed order.
func (g *Graph) All() []*ssa.Function { return g.list }

// place returns the position of an instruction, or else that of its function.
func place(in ssa.Instruction) token.Pos {
	if p := Pos(in); p.IsValid() {
		return p
	}
	return in.Parent().Pos()
}

// Pos returns the position by which an instruction is known: the parenthesis of a call,
// the selector of a method value.
func Pos(in ssa.Instruction) token.Pos {
	if c, ok := in.(ssa.CallInstruction); ok {
		return c.Common().Pos()
	}
	return in.Pos()
}
