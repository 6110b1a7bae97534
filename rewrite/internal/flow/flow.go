package flow

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"sort"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// Type flow.
//
// Swapping a constructor changes the type of the value that it makes, so every
// declared type that the value reaches must change with it, and nothing else. That is
// found by unification, as in type inference: each place in a type where
// *concurrency.Mutex is spelled or implied is a node; whatever the language requires
// to be of identical type is unified. A component of unified nodes is rewritten as a
// whole, or not at all.
//
// A node stands for a type that carries the mutex, such as []*concurrency.Mutex; its
// children stand for the types it is made of ("elem", "key", "p0" for a parameter,
// "r0" for a result). A node without children is a mutex itself.
//
// Default is deny: a use that this file does not know poisons the node with a reason,
// and poison spreads to everything that is unified with it.

// A node is one element of the union-find forest; use find before looking inside.
type node struct {
	parent   *node
	hub      bool // each part of it is itself: see generic.go
	children map[string]*node
	Spelled  []Spelling
	Made     []*ast.CallExpr // constructor calls that give it
	poison   []finding.Reason
}

// A Spelling is a qualified identifier (concurrency.Mutex, concurrency.NewMutex) that
// has to be replaced when the node is rewritten.
type Spelling struct {
	File *source.File
	Sel  *ast.SelectorExpr
	Name string // Mutex or NewMutex
	Path string // import path of the client's package
}

func (n *node) find() *node {
	for n.parent != nil {
		if n.parent.parent != nil {
			n.parent = n.parent.parent
		}
		n = n.parent
	}
	return n
}

// child returns the node of a part of n's type.
func (n *node) child(label string) *node {
	n = n.find()
	if n.hub {
		return n
	}
	if c := n.children[label]; c != nil {
		return c.find()
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	c := &node{}
	n.children[label] = c
	return c
}

// deny notes why a node cannot change, each reason once: a declaration may be met on several ways.
func (n *node) deny(reasons ...finding.Reason) {
	for _, r := range reasons {
		if !slices.Contains(n.poison, r) {
			n.poison = append(n.poison, r)
		}
	}
}

func unify(a, b *node) {
	if a == nil || b == nil {
		return
	}
	a, b = a.find(), b.find()
	if a == b {
		return
	}
	b.parent = a
	a.Spelled = append(a.Spelled, b.Spelled...)
	a.Made = append(a.Made, b.Made...)
	a.deny(b.poison...)
	children := b.children
	b.Spelled, b.Made, b.poison, b.children = nil, nil, nil, nil
	if b.hub && !a.hub {
		a.hub = true
		a.swallow(a.children)
	}
	if a.find().hub {
		a.swallow(children)
		return
	}
	for _, label := range slices.Sorted(maps.Keys(children)) {
		a = a.find() // a recursive type may have moved it
		if own := a.children[label]; own != nil {
			unify(own, children[label])
			continue
		}
		// No new node here: a type may contain itself, and there would be no end of them.
		if a.children == nil {
			a.children = map[string]*node{}
		}
		a.children[label] = children[label]
	}
}

// swallow makes what was part of a node the node itself.
func (n *node) swallow(parts map[string]*node) {
	n.children = nil
	for _, label := range slices.Sorted(maps.Keys(parts)) {
		unify(n, parts[label])
	}
}

// A Flow holds the nodes of one module.
type Flow struct {
	p        *source.Program     // with the files of all build configurations
	objects  map[token.Pos]*node // variables, fields, parameters, functions by declaration
	types    map[token.Pos]*node // type expressions by position
	carries  map[types.Type]bool
	brought  map[*source.File]map[string]suspicion // see unread.broughtBy
	boxes    boxes
	equal    equal
	generics generics
	looks    looks
	ignored  []unreadUser // by the build configuration
	tellers  []telling
	besides  []beside
	holds    map[look]map[types.Type][]types.Object
	mutex    types.Type // a pointer to it, as it was seen first
	outside  map[types.Object]*node
	methods  map[string]namedMethod // by name and signature
	Ifaces   []conversion
	embeds   []embedder
	here     token.Pos   // what is being read
	asked    []token.Pos // interfaces with methods that only the helper's Mutex has
	// components are those that have been judged, by their node.
	components map[*node]*Component
}

// A namedMethod is one of the methods of a name and signature, with the node of all.
type namedMethod struct {
	fn *types.Func
	n  *node
}

// A conversion of a mutex to an interface.
type conversion struct {
	File  *source.File
	Src   ast.Expr
	Iface *types.Interface
}

// roots returns all representatives in a fixed order.
func (f *Flow) roots() []*node {
	seen := map[*node]bool{}
	var out []*node
	add := func(m map[token.Pos]*node) {
		keys := make([]token.Pos, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
		for _, k := range keys {
			if n := m[k].find(); !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	add(f.objects)
	add(f.types)
	for _, n := range f.outside {
		if n := n.find(); !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// spread hands the poison of a container down to what it contains.
func (f *Flow) spread(n *node, inherited []finding.Reason, busy map[*node]bool) {
	n = n.find()
	if busy[n] {
		return
	}
	busy[n] = true
	defer delete(busy, n)
	n.deny(inherited...)
	for _, c := range n.children {
		f.spread(c, n.poison, busy)
	}
}

// mutexIn reports whether values of type t hold a *concurrency.Mutex that belongs to
// the type itself. Fields of named structs belong to the field instead.
func (f *Flow) mutexIn(t types.Type) bool {
	if t == nil {
		return false
	}
	if v, ok := f.carries[t]; ok {
		return v
	}
	f.carries[t] = false // for recursive types
	v := false
	switch t := t.(type) {
	case *types.Alias:
		v = f.mutexIn(types.Unalias(t))
	case *types.Pointer:
		v = f.mutexIn(t.Elem())
	case *types.Slice:
		v = f.mutexIn(t.Elem())
	case *types.Array:
		v = f.mutexIn(t.Elem())
	case *types.Chan:
		v = f.mutexIn(t.Elem())
	case *types.Map:
		v = f.mutexIn(t.Key()) || f.mutexIn(t.Elem())
	case *types.Signature:
		v = f.mutexIn(t.Params()) || f.mutexIn(t.Results())
	case *types.Tuple:
		for i := 0; i < t.Len(); i++ {
			v = v || f.mutexIn(t.At(i).Type())
		}
	case *types.Named:
		if f.p.IsMutex(t) {
			v = true
			if f.mutex == nil {
				f.mutex = types.NewPointer(t)
			}
			break
		}
		if args := t.TypeArgs(); args != nil {
			for i := 0; i < args.Len(); i++ {
				v = v || f.mutexIn(args.At(i))
			}
		}
		switch u := t.Underlying().(type) {
		case *types.Struct, *types.Interface:
		default:
			v = v || f.mutexIn(u)
		}
	case *types.Struct:
		for i := 0; i < t.NumFields(); i++ {
			v = v || f.mutexIn(t.Field(i).Type())
		}
	}
	f.carries[t] = v
	return v
}

// object returns the node of a declared variable, field, function or type name.
func (f *Flow) object(obj types.Object) *node {
	instance := obj
	switch o := obj.(type) {
	case *types.Var:
		obj = o.Origin()
	case *types.Func:
		obj = o.Origin()
	}
	switch {
	case instance == obj:
	case !f.mutexIn(obj.Type()): // of a type parameter
		return f.generics.hub.find()
	case f.weight(instance.Type(), map[types.Type]bool{}) > f.weight(obj.Type(), map[types.Type]bool{}):
		unify(f.generics.hub, f.origin(obj))
	}
	return f.origin(obj)
}

// origin is object for a declaration itself, and not what is instantiated from it.
func (f *Flow) origin(obj types.Object) *node {
	if f.p.FileAt(obj.Pos()) != nil {
		n := f.objects[obj.Pos()]
		if n == nil {
			n = &node{}
			f.objects[obj.Pos()] = n
			if fl := f.p.FileAt(obj.Pos()); fl.Blocked != nil {
				r := *fl.Blocked
				r.Pos = f.p.Position(obj.Pos())
				n.deny(r)
			}
		}
		return n.find()
	}
	n := f.outside[obj]
	if n == nil {
		n = &node{}
		from := "code outside this module"
		if obj.Pkg() != nil {
			from = obj.Pkg().Path()
		}
		r := finding.Reason{Code: finding.LeavesModule, Detail: fmt.Sprintf("%s is declared in %s", obj.Name(), from)}
		if f.here.IsValid() {
			r.Pos = f.p.Position(f.here)
		}
		n.deny(r)
		f.outside[obj] = n
	}
	return n.find()
}
