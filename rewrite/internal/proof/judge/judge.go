package judge

import (
	"fmt"
	"go/token"
	"go/types"
	"iter"
	"reflect"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A Judge judges edits of one program.
type Judge struct {
	fset    *token.FileSet
	helper  string // import paths of the helper and of the package that it wraps
	client  string
	program []*ssa.Function // all that have a body, before the edit
	partial bool            // there is code that has no SSA
	memory  *memory         // nil until it is asked for
	changes map[string]bool // of changing
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

// tree yields a function and the literals in it.
func tree(f *ssa.Function) iter.Seq[*ssa.Function] {
	return func(yield func(*ssa.Function) bool) {
		var walk func(f *ssa.Function) bool
		walk = func(f *ssa.Function) bool {
			if !yield(f) {
				return false
			}
			for _, a := range f.AnonFuncs {
				if !walk(a) {
					return false
				}
			}
			return true
		}
		walk(f)
	}
}

// blocks yields the blocks of a function and of the literals in it.
func blocks(f *ssa.Function) iter.Seq[*ssa.BasicBlock] {
	return func(yield func(*ssa.BasicBlock) bool) {
		for g := range tree(f) {
			for _, b := range g.Blocks {
				if !yield(b) {
					return
				}
			}
		}
	}
}

func instructions(f *ssa.Function) iter.Seq[ssa.Instruction] {
	return func(yield func(ssa.Instruction) bool) {
		for b := range blocks(f) {
			for _, in := range b.Instrs {
				if !yield(in) {
					return
				}
			}
		}
	}
}

// index returns the place of an instruction in its block.
func index(in ssa.Instruction) int {
	for i, x := range in.Block().Instrs {
		if x == in {
			return i
		}
	}
	panic("an instruction is not in its block")
}

// outermost returns the declared function around f.
func outermost(f *ssa.Function) *ssa.Function {
	for f.Parent() != nil {
		f = f.Parent()
	}
	return f
}

// reaches reports whether control may get from the first block to the second one, by at least
// one edge.
func reaches(from, to *ssa.BasicBlock) bool {
	seen := map[*ssa.BasicBlock]bool{}
	todo := []*ssa.BasicBlock{from}
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, s := range b.Succs {
			if s == to {
				return true
			}
			if !seen[s] {
				seen[s] = true
				todo = append(todo, s)
			}
		}
	}
	return false
}

// cycle returns the blocks of the innermost loop around b; none if there is none.
func cycle(b *ssa.BasicBlock) map[*ssa.BasicBlock]bool {
	var best map[*ssa.BasicBlock]bool
	for _, head := range b.Parent().Blocks {
		if !head.Dominates(b) {
			continue
		}
		body := map[*ssa.BasicBlock]bool{head: true}
		var back func(x *ssa.BasicBlock)
		back = func(x *ssa.BasicBlock) {
			if !body[x] {
				body[x] = true
				for _, p := range x.Preds {
					back(p)
				}
			}
		}
		round := false
		for _, p := range head.Preds {
			if head.Dominates(p) {
				round = true
				back(p)
			}
		}
		if round && body[b] && (best == nil || len(body) < len(best)) {
			best = body
		}
	}
	return best
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
