// Package told knows which code of the module runs when a line is logged, a context is asked, or an
// error is: a handler of lines, a context of the module's own, a method by which a value is printed.
// Where that counts how often it runs, a round more, or one less, would be noticed.
package told

import (
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/source"
)

// Told is what is known of one program. It is found out when it is first asked for.
type Told struct {
	p       *source.Program
	methods []*types.Func    // see changing
	sinks   map[heard]string // see Sink
}

// New returns what is told in a program.
func New(p *source.Program) *Told { return &Told{p: p, sinks: map[heard]string{}} }

// texts are the methods by which loggers and package fmt ask what they are given, with the number
// of their parameters.
var texts = map[string]int{
	"String": 0, "GoString": 0, "Error": 0, "Format": 2, "LogValue": 0, "MarshalText": 0, "MarshalJSON": 0, "MarshalLog": 0,
	"MarshalLogObject": 1, "MarshalLogArray": 1, "MarshalZerologObject": 1, "MarshalZerologArray": 1,
}

// These are those by which package errors asks, and those of a context.
var (
	errorMethods   = map[string]int{"Is": 1, "As": 1, "Unwrap": 0}
	contextMethods = map[string]int{"Err": 0, "Done": 0, "Deadline": 0, "Value": 1}
)

// changing returns the methods of the module that change something when they are asked.
func (t *Told) changing() []*types.Func {
	if t.methods != nil {
		return t.methods
	}
	t.methods = []*types.Func{}
	for _, f := range t.p.Files {
		if f.IsHelper() {
			continue
		}
		for _, d := range f.Syntax.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Recv == nil || decl.Body == nil {
				continue
			}
			m, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func)
			if !ok {
				continue
			}
			for _, names := range []map[string]int{texts, errorMethods, contextMethods} {
				if n, asked := names[m.Name()]; asked && m.Signature().Params().Len() == n && changesOf(t.p, decl).any() {
					t.methods = append(t.methods, m)
				}
			}
		}
	}
	return t.methods
}

// Text returns a method that changes something and that may run where a function of that package is
// given a value as one of type to, and prints or logs it; or nil.
func (t *Told) Text(path string, to, typ types.Type) *types.Func {
	names := []string{"String", "GoString", "Error", "Format"}
	switch i, ok := source.Under(to).(*types.Interface); {
	case ok && i.NumMethods() > 0:
		names = nil
		for m := range i.Methods() {
			names = append(names, m.Name())
		}
	case path == "log/slog":
		names = append([]string{"LogValue", "MarshalText", "MarshalJSON"}, names...)
	case path != "fmt" && path != "log" && path != "testing":
		names = slices.Sorted(maps.Keys(texts))
	}
	return t.among(names, typ, nil)
}

// Said returns the method that gives the text of an error of that type, where it changes something; or nil.
func (t *Told) Said(typ types.Type) *types.Func { return t.among([]string{"Error"}, typ, nil) }

// Error returns a method of an error of that type that package errors may call, and that changes
// something; or nil.
func (t *Told) Error(typ types.Type) *types.Func {
	return t.among(slices.Sorted(maps.Keys(errorMethods)), typ, nil)
}

// Context returns a method of a context of that type that changes something when it is asked; or nil.
func (t *Told) Context(typ types.Type) *types.Func {
	return t.among(slices.Sorted(maps.Keys(contextMethods)), typ, nil)
}

// Name is what people call a method.
func Name(m *types.Func) string {
	recv := types.TypeString(m.Signature().Recv().Type(), func(*types.Package) string { return "" })
	if strings.HasPrefix(recv, "*") {
		recv = "(" + recv + ")"
	}
	return recv + "." + m.Name()
}

// implements reports whether a value that has the method, or a pointer to one, goes into an interface.
func implements(m *types.Func, i *types.Interface) bool {
	recv := m.Signature().Recv().Type()
	if p, ok := recv.(*types.Pointer); ok {
		recv = p.Elem()
	}
	return types.Implements(types.NewPointer(recv), i)
}

// among returns the first method of those names that a value of type typ has, or holds one that has.
func (t *Told) among(names []string, typ types.Type, around []types.Type) *types.Func {
	if typ == nil || slices.Contains(around, typ) {
		return nil
	}
	around = append(around, typ)
	i, unknown := source.Under(typ).(*types.Interface)
	for _, name := range names {
		for _, m := range t.changing() {
			switch {
			case m.Name() != name:
			case unknown && implements(m, i):
				return m
			case !unknown:
				obj, _, _ := types.LookupFieldOrMethod(typ, true, nil, name)
				if has, ok := obj.(*types.Func); ok && has.Origin().Pos() == m.Pos() {
					return m
				}
			}
		}
	}
	if n, ok := types.Unalias(typ).(*types.Named); ok && (n.Obj().Pkg() == nil || !t.own(n.Obj())) {
		return nil // what it holds is its own affair
	}
	switch u := source.Under(typ).(type) {
	case *types.Pointer:
		return t.among(names, u.Elem(), around)
	case *types.Slice:
		return t.among(names, u.Elem(), around)
	case *types.Array:
		return t.among(names, u.Elem(), around)
	case *types.Map:
		if m := t.among(names, u.Key(), around); m != nil {
			return m
		}
		return t.among(names, u.Elem(), around)
	case *types.Struct:
		for v := range u.Fields() {
			if v.Exported() {
				if m := t.among(names, v.Type(), around); m != nil {
					return m
				}
			}
		}
	}
	return nil
}

// own reports whether the module declares a type.
func (t *Told) own(obj types.Object) bool { return t.p.FileAt(obj.Pos()) != nil }
