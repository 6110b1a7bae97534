package flow

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// Contexts.
//
// A context prints the types of its keys and values, wherever somebody prints it or asks for its
// String. That says something of a mutex if one was put into some context.

// contexts is what a program does with contexts.
type contexts struct {
	asked   []stringing
	boxed   bool      // some are converted to interfaces that are no context
	valued  bool      // some are given values that may tell of a mutex
	printed []meeting // with what has some
}

// A stringing is an assertion to an interface by which a context says what it is made of.
type stringing struct {
	direct bool // what is asserted is a context
	at     token.Pos
}

// asks notes an assertion by which a context may be asked for its String.
func (c *contexts) asks(f *source.File, x, asked ast.Expr) {
	iface, ok := source.Under(f.TypeOf(asked)).(*types.Interface)
	if !ok || source.IsNilExpr(f, asked) {
		return
	}
	for m := range iface.Methods() {
		if m.Name() == "String" {
			c.asked = append(c.asked, stringing{isContext(f.TypeOf(x)), asked.Pos()})
		}
	}
}

// puts notes a use of context.WithValue. What is given by a type of its own that has nothing of a mutex says
// nothing of one.
func (c *contexts) puts(f *source.File, stack []ast.Node, id *ast.Ident, tells func(types.Type) bool) {
	if !source.IsObject(f.ObjectOf(id), "context", "WithValue") {
		return
	}
	for _, n := range stack {
		if call, ok := n.(*ast.CallExpr); ok && source.NameIn(call.Fun) == id && len(call.Args) == 3 {
			for _, a := range call.Args[1:] {
				t := f.TypeOf(a)
				c.valued = c.valued || t == nil || types.IsInterface(t) || tells(t)
			}
			return
		}
	}
	c.valued = true
}

// told returns who is told what contexts are made of.
func (c *contexts) told() (out []meeting) {
	if !c.valued {
		return nil
	}
	for _, s := range c.asked {
		if s.direct || c.boxed {
			out = append(out, meeting{named, anything, "the String of a context", s.at, origin{}})
		}
	}
	for _, m := range c.printed {
		m.look = max(m.look, named)
		out = append(out, m)
	}
	return out
}
