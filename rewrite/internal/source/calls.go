package source

import (
	"go/ast"
	"go/types"
	"sync"
)

// A Call is a call by name, and the file that it is in.
type Call struct {
	File *File
	Expr *ast.CallExpr
}

// An Assignment gives a field a value.
type Assignment struct {
	File  *File
	Stmt  *ast.AssignStmt
	Value ast.Expr
}

// uses are the calls of a program by what they name, and the assignments by the field. They are looked
// for once: to walk all files for each that is asked for takes minutes where there are hundreds of packages.
type uses struct {
	once   sync.Once
	calls  map[types.Object][]Call
	assign map[*types.Var][]Assignment
}

func (p *Program) used() *uses {
	u := &p.uses
	u.once.Do(func() {
		u.calls, u.assign = map[types.Object][]Call{}, map[*types.Var][]Assignment{}
		for _, f := range p.Files {
			for n := range ast.Preorder(f.Syntax) {
				switch n := n.(type) {
				case *ast.CallExpr:
					if callee := f.Callee(n); callee != nil {
						u.calls[callee] = append(u.calls[callee], Call{f, n})
					}
				case *ast.AssignStmt:
					if len(n.Lhs) != len(n.Rhs) {
						continue
					}
					for i, l := range n.Lhs {
						if v := f.VariableOf(l); v != nil && v.IsField() {
							u.assign[v] = append(u.assign[v], Assignment{f, n, n.Rhs[i]})
						}
					}
				}
			}
		}
	})
	return u
}

// CallsOf returns the calls that name an object, in the order of the files. Calls through
// variables of functions and through interfaces name something else.
func (p *Program) CallsOf(obj types.Object) []Call { return p.used().calls[obj] }

// AssignmentsTo returns the assignments of one value to a field, in the order of the files.
func (p *Program) AssignmentsTo(field *types.Var) []Assignment { return p.used().assign[field] }
