package judge

import (
	"fmt"
	"go/token"
	"go/types"
	"reflect"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A Judge judges edits of one program.
type Judge struct {
	fset     *token.FileSet
	helper   string // import paths of the helper and of the package that it wraps
	client   string
	program  []*ssa.Function                 // all that have a body, before the edit
	partial  bool                            // there is code that has no SSA
	memory   *memory                         // nil until it is asked for
	changes  []*ssa.Function                 // see changing
	hearings [4]hearing                      // see heard
	streams  [2]struct{ known, turned bool } // see turned
	cancels  struct{ known, made bool }      // of makesCancel
}

// New returns a judge. program are all functions of it, with those that nobody calls; partial
// says that the bodies of some are not known. helper and client are the import paths of the
// helper package and of the package concurrency that it wraps.
func New(fset *token.FileSet, program []*ssa.Function, partial bool, helper, client string) *Judge {
	return &Judge{fset: fset, program: program, partial: partial, helper: helper, client: client}
}

// An Objection is why an edit does not pass.
type Objection struct {
	Why string
	Pos token.Pos // in the code before the edit, or not valid
}

func objection(pos token.Pos, format string, args ...any) *Objection {
	return &Objection{Why: fmt.Sprintf(format, args...), Pos: pos}
}

// clock returns what is known of a call of one of the helper's clocks, or nil.
func (j *Judge) clock(c ssa.CallInstruction) *axiom {
	f := c.Common().StaticCallee()
	if f == nil || f.Signature.Recv() == nil || !j.isHelper(f.Signature.Recv().Type(), "Mutex") {
		return nil
	}
	return clockNamed(f.Name())
}

// isHelper reports whether t is, or points to, the type of that name of the helper package.
func (j *Judge) isHelper(t types.Type, name string) bool { return isNamed(t, j.helper, name) }

// isTry reports whether a call is TryLock of the mutex, before or after the edit.
func (j *Judge) isTry(in ssa.Instruction) bool {
	c, ok := in.(*ssa.Call)
	if !ok || c.Call.StaticCallee() == nil || c.Call.StaticCallee().Name() != "TryLock" || c.Call.StaticCallee().Signature.Recv() == nil {
		return false
	}
	recv := c.Call.StaticCallee().Signature.Recv().Type()
	return j.isHelper(recv, "Mutex") || isNamed(recv, j.client, "Mutex")
}

func isNamed(t types.Type, path, name string) bool {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == path
}

// callee returns the package path and the name of the function or method that is called, if
// that has a name.
func callee(c *ssa.CallCommon) (path, name string, recv bool) {
	if c.IsInvoke() {
		if c.Method.Pkg() == nil {
			return "", c.Method.Name(), true // of the error interface
		}
		return c.Method.Pkg().Path(), c.Method.Name(), true
	}
	f := c.StaticCallee()
	if f == nil || f.Object() == nil || f.Object().Pkg() == nil {
		return "", "", false
	}
	return f.Object().Pkg().Path(), f.Name(), f.Signature.Recv() != nil
}

// field returns the field of which a is the address.
func field(a *ssa.FieldAddr) *types.Var {
	return a.X.Type().Underlying().(*types.Pointer).Elem().Underlying().(*types.Struct).Field(a.Field)
}

func kindOf(in ssa.Instruction) reflect.Type { return reflect.TypeOf(in) }

// outermost returns the declared function around f.
func outermost(f *ssa.Function) *ssa.Function {
	for f.Parent() != nil {
		f = f.Parent()
	}
	return f
}

// shortName is a function's name for a message.
func shortName(c *ssa.CallCommon) string {
	if b, ok := c.Value.(*ssa.Builtin); ok {
		return b.Name()
	}
	path, name, _ := callee(c)
	if name == "" {
		return "a function value"
	}
	return strings.TrimPrefix(path[strings.LastIndexByte(path, '/')+1:]+"."+name, ".")
}

// where returns a position to show for an instruction of the code before the edit: many have
// none of their own.
func where(in ssa.Instruction) token.Pos {
	if in == nil {
		return token.NoPos
	}
	if c, ok := in.(ssa.CallInstruction); ok {
		return c.Common().Pos()
	}
	if in.Pos().IsValid() {
		return in.Pos()
	}
	for _, op := range in.Operands(nil) {
		if *op == nil {
			continue
		}
		if v, ok := (*op).(ssa.Instruction); ok {
			if c, ok := v.(ssa.CallInstruction); ok && c.Common().Pos().IsValid() {
				return c.Common().Pos()
			}
		}
		if (*op).Pos().IsValid() {
			return (*op).Pos()
		}
	}
	for _, x := range in.Block().Instrs {
		if x.Pos().IsValid() {
			return x.Pos()
		}
	}
	return in.Parent().Pos()
}
