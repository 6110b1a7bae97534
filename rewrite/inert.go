package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// inert reports whether doing a statement once more, or earlier, is harmless: it logs,
// counts, or sets a local variable. quiet says that it does not even log or count.
func (p *program) inert(s *site, n ast.Node) (ok, quiet bool) {
	f := s.file
	switch n := n.(type) {
	case *ast.ExprStmt:
		call, isCall := ast.Unparen(n.X).(*ast.CallExpr)
		if !isCall {
			return false, false
		}
		if p.isClockCall(s, call) {
			return p.pureArgs(s, call), true
		}
		if isPkgObj(f.callee(call), "runtime", "Gosched") || isCancel(f, call) {
			return true, true
		}
		return isLog(f, call) && p.pureArgs(s, call), false
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			if obj := s.trace.variable(l); !isBlank(l) && (obj == nil || isPackageLevel(obj)) {
				return false, false
			}
		}
		for _, r := range n.Rhs {
			if !p.pure(f, r) && !p.isContextCall(f, r) && !p.makesClock(s, r) {
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
					if !p.pure(f, e) && !p.isContextCall(f, e) && !p.makesClock(s, e) {
						return false, false
					}
				}
			}
		}
		return true, true
	case *ast.IncDecStmt:
		obj := s.trace.variable(n.X)
		return obj != nil && !isPackageLevel(obj), false
	case ast.Expr: // a condition
		pure := p.pureCondition(s, n)
		return pure, pure
	}
	return false, false
}

// pureCondition is pure for a condition, in which the try itself is fine.
func (p *program) pureCondition(s *site, e ast.Expr) bool {
	pure := true
	ast.Inspect(e, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return pure
		}
		if s.trace.isTry(call) {
			return false
		}
		fn, _ := s.file.callee(call).(*types.Func)
		tv := s.file.pkg.TypesInfo.Types[call.Fun]
		_, builtin := s.file.callee(call).(*types.Builtin)
		if !tv.IsType() && !builtin && (fn == nil || !harmless(fn)) {
			pure = false
		}
		return pure
	})
	return pure
}

func isPackageLevel(obj types.Object) bool {
	return obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope()
}

// isClockCall reports whether call is Stop or Reset of the site's clock.
func (p *program) isClockCall(s *site, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(s.clock) != 1 || s.clock[0].obj == nil {
		return false
	}
	return s.trace.variable(sel.X) == s.clock[0].obj && (sel.Sel.Name == "Stop" || sel.Sel.Name == "Reset")
}

func isCancel(f *file, call *ast.CallExpr) bool {
	return isNamed(f.typeOf(call.Fun), "context", "CancelFunc")
}

// resets reports whether n is a Reset of the site's clock.
func (p *program) resets(s *site, n ast.Node) bool {
	stmt, ok := n.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(stmt.X).(*ast.CallExpr)
	if !ok || !p.isClockCall(s, call) {
		return false
	}
	return ast.Unparen(call.Fun).(*ast.SelectorExpr).Sel.Name == "Reset"
}

// makesClock reports whether e makes the site's timer, or its channel, anew in every round.
func (p *program) makesClock(s *site, e ast.Expr) bool {
	if len(s.clock) != 1 {
		return false
	}
	c := s.clock[0]
	return (c.kind == timerClock || c.kind == afterClock) && ast.Unparen(e) == ast.Expr(c.made) && p.pure(s.file, c.made.Args[0])
}

// isContextCall reports whether e derives a context: it has no effect but its result.
func (p *program) isContextCall(f *file, e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := f.callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || fn.Pkg().Path() != "context" || !strings.HasPrefix(fn.Name(), "With") && !harmless(fn) {
		return false
	}
	for _, a := range call.Args {
		if !p.pure(f, a) && !p.isContextCall(f, a) {
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

func isLog(f *file, call *ast.CallExpr) bool {
	fn, ok := f.callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || neverReturns(f, call) {
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
func isStandardStream(f *file, e ast.Expr) bool {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	return ok && (isPkgObj(f.objectOf(sel.Sel), "os", "Stdout") || isPkgObj(f.objectOf(sel.Sel), "os", "Stderr"))
}

// pureArgs allows what log calls are given: values, and calls of log packages, Error and
// String methods, and errors such as status texts.
func (p *program) pureArgs(s *site, call *ast.CallExpr) bool {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if inner, ok := ast.Unparen(sel.X).(*ast.CallExpr); ok && !isLog(s.file, inner) {
			return false
		}
	}
	for _, a := range call.Args {
		if !p.pure(s.file, a) {
			return false
		}
	}
	return true
}

// pure reports whether evaluating e has no effect and calls nothing that may.
func (p *program) pure(f *file, e ast.Expr) bool {
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
			if tv := f.pkg.TypesInfo.Types[n.Fun]; tv.IsType() || isLog(f, n) {
				return true
			}
			switch fn := f.callee(n).(type) {
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
	_, isConcurrency := released.concurrencyPath(fn.Pkg())
	return isConcurrency && (fn.Name() == "Key" || fn.Name() == "Lease" || fn.Name() == "Done")
}
