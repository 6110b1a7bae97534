package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/told"
)

// NeverReturns knows the calls after which nothing follows, whatever the program does.
func NeverReturns(f *source.File, call *ast.CallExpr) bool {
	obj := f.Callee(call)
	if b, ok := obj.(*types.Builtin); ok {
		return b.Name() == "panic"
	}
	fn, ok := obj.(*types.Func)
	if !ok || fn.Pkg() == nil {
		return false
	}
	switch fn.Pkg().Path() {
	case "os":
		return fn.Name() == "Exit"
	case "runtime":
		return fn.Name() == "Goexit"
	case "log":
		switch fn.Name() {
		case "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln":
			return true
		}
	case "testing":
		switch fn.Name() {
		case "Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow":
			return true
		}
	}
	return false
}

// endsProcess is NeverReturns with the log libraries whose functions end the process
// unless the program has told them not to.
func endsProcess(f *source.File, call *ast.CallExpr) bool {
	if NeverReturns(f, call) {
		return true
	}
	fn, ok := f.Callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || !told.IsLogPackage(fn.Pkg().Path()) {
		return false
	}
	for _, prefix := range []string{"Fatal", "Panic", "Exit"} {
		if strings.HasPrefix(fn.Name(), prefix) {
			return true
		}
	}
	return false
}

func isCancel(f *source.File, call *ast.CallExpr) bool {
	return source.IsNamed(f.TypeOf(call.Fun), "context", "CancelFunc")
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

// Logs reports whether call writes a log line or a metric, and goes on.
func Logs(f *source.File, call *ast.CallExpr) bool { return isLog(f, call) }

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
	return told.Writes(path, fn.Name())
}

// saysOnly reports whether the results of a call that logs say nothing but what to log.
func saysOnly(f *source.File, call *ast.CallExpr) bool {
	results, ok := f.TypeOf(call).(*types.Tuple)
	if !ok {
		results = types.NewTuple(types.NewVar(token.NoPos, nil, "", f.TypeOf(call)))
	}
	for v := range results.Variables() {
		if v.Type() != nil && !told.OfLogs(v.Type()) {
			return false
		}
	}
	return true
}

// isStandardStream reports whether e is os.Stdout or os.Stderr.
func isStandardStream(f *source.File, e ast.Expr) bool {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	return ok && (source.IsObject(f.ObjectOf(sel.Sel), "os", "Stdout") || source.IsObject(f.ObjectOf(sel.Sel), "os", "Stderr"))
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
			if tv := f.Pkg.TypesInfo.Types[n.Fun]; tv.IsType() || isLog(f, n) && saysOnly(f, n) {
				return true
			}
			switch fn := f.Callee(n).(type) {
			case *types.Builtin:
				if fn.Name() == "panic" || fn.Name() == "close" || fn.Name() == "delete" || fn.Name() == "append" && inPlace(n) {
					ok = false
				}
			case *types.Func:
				if !harmless(fn) || fn.Pkg() != nil && fn.Pkg().Path() == "strconv" && strings.HasPrefix(fn.Name(), "Append") || calls(f, n) {
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

// inPlace reports whether append may write to what somebody else has: behind a part of a slice.
func inPlace(call *ast.CallExpr) bool {
	_, part := ast.Unparen(call.Args[0]).(*ast.SliceExpr)
	return part
}

// calls reports whether a function is given to call, as to strings.Map.
func calls(f *source.File, call *ast.CallExpr) bool {
	for _, a := range call.Args {
		if _, is := source.Under(f.TypeOf(a)).(*types.Signature); is {
			return true
		}
	}
	return false
}

// harmless knows functions whose only effect is their result.
func harmless(fn *types.Func) bool {
	if fn.Pkg() == nil {
		return fn.Name() == "Error" // of the error interface
	}
	switch fn.Pkg().Path() {
	case "path", "path/filepath":
		switch fn.Name() {
		case "Base", "Clean", "Dir", "Ext", "FromSlash", "IsAbs", "Join", "Match", "Split", "ToSlash":
			return true
		}
		return false
	case "errors", "strings", "strconv", "math":
		return fn.Signature().Recv() == nil // a Builder's methods write to it
	case "math/rand", "math/rand/v2":
		for _, prefix := range []string{"Int", "Uint", "Float", "N"} {
			if strings.HasPrefix(fn.Name(), prefix) && !strings.HasPrefix(fn.Name(), "New") {
				return true
			}
		}
		return false
	case "sync/atomic":
		return strings.HasPrefix(fn.Name(), "Load")
	case "time":
		switch fn.Name() {
		case "After": // and not the method of a moment
			return fn.Signature().Recv() != nil
		case "Sleep", "AfterFunc", "NewTicker", "NewTimer", "Tick", "Stop", "Reset":
			return false
		}
		return true
	case "fmt":
		return strings.HasPrefix(fn.Name(), "Sprint") || fn.Name() == "Errorf"
	case "context":
		return fn.Name() == "Err" || fn.Name() == "Done" || fn.Name() == "Deadline" || fn.Name() == "Background" || fn.Name() == "TODO"
	}
	_, isConcurrency := source.Released.ConcurrencyPath(fn.Pkg())
	return isConcurrency && (fn.Name() == "Key" || fn.Name() == "Lease" || fn.Name() == "Done")
}
