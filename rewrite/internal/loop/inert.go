package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"etcdmod/rewrite/internal/source"
)

// Inert reports whether doing a statement once more, or earlier, is harmless: it logs,
// counts, or sets a local variable. quiet says that it does not even log or count.
func (s *Site) Inert(n ast.Node) (ok, quiet bool) {
	f := s.File
	switch n := n.(type) {
	case *ast.ExprStmt:
		call, isCall := ast.Unparen(n.X).(*ast.CallExpr)
		if !isCall {
			return false, false
		}
		if s.IsClockCall(call) {
			return s.pureArgs(call), true
		}
		if source.IsObject(f.Callee(call), "runtime", "Gosched") || isCancel(f, call) {
			return true, true
		}
		return isLog(f, call) && s.pureArgs(call), false
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			if obj := s.Walker.Variable(l); !source.IsBlank(l) && (obj == nil || source.IsPackageLevel(obj)) {
				return false, false
			}
		}
		for _, r := range n.Rhs {
			if !Pure(f, r) && !IsContextCall(f, r) && !s.makesClock(r) {
				return false, false
			}
		}
		return true, true
	case *ast.DeclStmt:
		gen, isGen := n.Decl.(*ast.GenDecl)
		if !isGen {
			return false, false
		}
		for _, spec := range gen.Specs {
			if v, isValue := spec.(*ast.ValueSpec); isValue {
				for _, e := range v.Values {
					if !Pure(f, e) && !IsContextCall(f, e) && !s.makesClock(e) {
						return false, false
					}
				}
			}
		}
		return true, true
	case *ast.IncDecStmt:
		obj := s.Walker.Variable(n.X)
		return obj != nil && !source.IsPackageLevel(obj), false
	case ast.Expr: // a condition
		pure := s.PureCondition(n)
		return pure, pure
	}
	return false, false
}

// PureCondition is pure for a condition, in which the try itself is fine.
func (s *Site) PureCondition(e ast.Expr) bool {
	pure := true
	ast.Inspect(e, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return pure
		}
		if s.Walker.IsTry(call) {
			return false
		}
		fn, _ := s.File.Callee(call).(*types.Func)
		tv := s.File.Pkg.TypesInfo.Types[call.Fun]
		_, builtin := s.File.Callee(call).(*types.Builtin)
		if !tv.IsType() && !builtin && (fn == nil || !harmless(fn)) {
			pure = false
		}
		return pure
	})
	return pure
}

// IsClockCall reports whether call is Stop or Reset of the site's clock.
func (s *Site) IsClockCall(call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(s.Clocks) != 1 || s.Clocks[0].Var == nil {
		return false
	}
	return s.Walker.Variable(sel.X) == s.Clocks[0].Var && (sel.Sel.Name == "Stop" || sel.Sel.Name == "Reset")
}

func isCancel(f *source.File, call *ast.CallExpr) bool {
	return source.IsNamed(f.TypeOf(call.Fun), "context", "CancelFunc")
}

// Resets reports whether n is a Reset of the site's clock.
func (s *Site) Resets(n ast.Node) bool {
	stmt, ok := n.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(stmt.X).(*ast.CallExpr)
	if !ok || !s.IsClockCall(call) {
		return false
	}
	return ast.Unparen(call.Fun).(*ast.SelectorExpr).Sel.Name == "Reset"
}

// makesClock reports whether e makes the site's timer, or its channel, anew in every round.
func (s *Site) makesClock(e ast.Expr) bool {
	if len(s.Clocks) != 1 {
		return false
	}
	c := s.Clocks[0]
	return (c.Kind == Timer || c.Kind == After) && ast.Unparen(e) == ast.Expr(c.Made) && Pure(s.File, c.Made.Args[0])
}

// IsContextCall reports whether e derives a context: it has no effect but its result.
func IsContextCall(f *source.File, e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := f.Callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || fn.Pkg().Path() != "context" || !strings.HasPrefix(fn.Name(), "With") && !harmless(fn) {
		return false
	}
	for _, a := range call.Args {
		if !Pure(f, a) && !IsContextCall(f, a) {
			return false
		}
	}
	return true
}

// logPackages write log lines or metrics and do nothing else.
var logPackages = []string{
	"log", "log/slog", "go.uber.org/zap", "github.com/sirupsen/logrus", "github.com/rs/zerolog", "github.com/golang/glog",
	"k8s.io/klog", "github.com/go-kit/log", "github.com/go-kit/kit/log", "github.com/go-logr/logr", "github.com/prometheus/client_golang",
	"github.com/hashicorp/go-hclog", "github.com/apex/log",
}

func isLog(f *source.File, call *ast.CallExpr) bool {
	fn, ok := f.Callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || NeverReturns(f, call) {
		return false
	}
	if strings.HasPrefix(fn.Name(), "Fatal") || strings.HasPrefix(fn.Name(), "Panic") || strings.HasPrefix(fn.Name(), "Exit") {
		return false
	}
	path := fn.Pkg().Path()
	if path == "fmt" {
		return strings.HasPrefix(fn.Name(), "Print") || strings.HasPrefix(fn.Name(), "Fprint") && len(call.Args) > 0 && isStandardStream(f, call.Args[0])
	}
	if path == "testing" {
		return fn.Name() == "Log" || fn.Name() == "Logf"
	}
	return isLogPackage(path)
}

func isLogPackage(path string) bool {
	for _, l := range logPackages {
		if path == l || strings.HasPrefix(path, l+"/") {
			return true
		}
	}
	return false
}

// isStandardStream reports whether e is os.Stdout or os.Stderr.
func isStandardStream(f *source.File, e ast.Expr) bool {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	return ok && (source.IsObject(f.ObjectOf(sel.Sel), "os", "Stdout") || source.IsObject(f.ObjectOf(sel.Sel), "os", "Stderr"))
}

// pureArgs allows what log calls are given: values, and calls of log packages, Error and
// String methods, and errors such as status texts.
func (s *Site) pureArgs(call *ast.CallExpr) bool {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if inner, ok := ast.Unparen(sel.X).(*ast.CallExpr); ok && !isLog(s.File, inner) {
			return false
		}
	}
	for _, a := range call.Args {
		if !Pure(s.File, a) {
			return false
		}
	}
	return true
}

// Pure reports whether evaluating e has no effect and calls nothing that may.
func Pure(f *source.File, e ast.Expr) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			ok = false
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				ok = false
			}
		case *ast.CallExpr:
			if tv := f.Pkg.TypesInfo.Types[n.Fun]; tv.IsType() || isLog(f, n) {
				return true
			}
			switch fn := f.Callee(n).(type) {
			case *types.Builtin:
				if fn.Name() == "panic" || fn.Name() == "close" || fn.Name() == "delete" {
					ok = false
				}
			case *types.Func:
				if !harmless(fn) {
					ok = false
				}
			default:
				ok = false
			}
		}
		return ok
	})
	return ok
}

// harmless knows functions whose only effect is their result.
func harmless(fn *types.Func) bool {
	if fn.Pkg() == nil {
		return fn.Name() == "Error" // of the error interface
	}
	switch fn.Pkg().Path() {
	case "errors", "strings", "strconv", "math":
		return fn.Signature().Recv() == nil // a Builder's methods write to it
	case "math/rand", "math/rand/v2":
		for _, prefix := range []string{"Int", "Uint", "Float", "N"} {
			if strings.HasPrefix(fn.Name(), prefix) && !strings.HasPrefix(fn.Name(), "New") {
				return true
			}
		}
		return false
	case "time":
		switch fn.Name() {
		case "Sleep", "After", "AfterFunc", "NewTicker", "NewTimer", "Tick", "Stop", "Reset":
			return false
		}
		return true
	case "fmt":
		return strings.HasPrefix(fn.Name(), "Sprint") || fn.Name() == "Errorf"
	case "context":
		return fn.Name() == "Err" || fn.Name() == "Done" || fn.Name() == "Background" || fn.Name() == "TODO"
	}
	_, isConcurrency := source.Released.ConcurrencyPath(fn.Pkg())
	return isConcurrency && (fn.Name() == "Key" || fn.Name() == "Lease" || fn.Name() == "Done")
}
