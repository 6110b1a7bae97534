package judge

import (
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// An effect is what a call may do besides giving its result.
type effect int

const (
	unknown effect = iota
	none           // only its result
	logs           // a line or a metric more
	context        // of a context: asks, derives or cancels one
	timing         // of a clock: makes, stops, resets
	ends           // it does not return
)

// quiet are functions of the standard library that do nothing but compute.
var quiet = map[string]func(name string, recv bool) bool{
	"errors":  func(_ string, recv bool) bool { return !recv },
	"strings": func(_ string, recv bool) bool { return !recv },
	"strconv": func(name string, recv bool) bool { return !recv && !strings.HasPrefix(name, "Append") },
	"math":    func(string, bool) bool { return true },
	"cmp":     func(string, bool) bool { return true },
	"path":    func(string, bool) bool { return true },
	"path/filepath": func(name string, _ bool) bool {
		return slices.Contains([]string{"Base", "Clean", "Dir", "Ext", "FromSlash", "IsAbs", "Join", "Match", "Split", "ToSlash"}, name)
	},
	"fmt": func(name string, _ bool) bool {
		return strings.HasPrefix(name, "Sprint") || name == "Errorf"
	},
	"math/rand":    random,
	"math/rand/v2": random,
	"sync/atomic":  func(name string, _ bool) bool { return strings.HasPrefix(name, "Load") },
	"runtime":      func(name string, _ bool) bool { return name == "Gosched" },
}

func random(name string, _ bool) bool {
	for _, p := range []string{"Int", "Uint", "Float", "N"} {
		if strings.HasPrefix(name, p) && !strings.HasPrefix(name, "New") {
			return true
		}
	}
	return false
}

// logging are packages whose functions write lines or metrics.
var logging = []string{
	"log", "log/slog", "go.uber.org/zap", "github.com/sirupsen/logrus", "github.com/rs/zerolog", "github.com/golang/glog", "k8s.io/klog",
	"github.com/go-kit/log", "github.com/go-kit/kit/log", "github.com/go-logr/logr", metrics,
	"github.com/hashicorp/go-hclog", "github.com/apex/log",
}

// ending are the functions after which nothing comes.
var ending = map[string][]string{
	"os": {"Exit"}, "runtime": {"Goexit"},
	"testing": {"Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow"},
}

// effectOf says what a call may do.
func (j *Judge) effectOf(c ssa.CallInstruction) effect {
	cc := c.Common()
	if j.clock(c) != nil {
		return timing
	}
	if b, ok := cc.Value.(*ssa.Builtin); ok {
		switch b.Name() {
		case "append":
			if _, part := cc.Args[0].(*ssa.Slice); !part { // it may write behind a part of what others have
				return none
			}
		case "len", "cap", "min", "max", "real", "imag", "complex", "ssa:wrapnilchk", "print", "println":
			return none
		}
		return unknown
	}
	if cancels(cc.Value) {
		if j.makesCancel() {
			return unknown
		}
		return context
	}
	path, name, recv := callee(cc)
	if path == "" {
		if recv && name == "Error" && !j.asks([]ssa.Value{cc.Value}, []string{"Error"}) {
			return none
		}
		return unknown
	}
	if slices.Contains(ending[path], name) {
		return ends
	}
	if (path == "fmt" || path == "testing" || path == "log") && j.asks(cc.Args, printed) || path != "log" && isLogging(path) && j.asks(cc.Args, texts) || path == "errors" && j.asks(cc.Args, ofErrors) {
		return unknown
	}
	if path == "fmt" && (strings.HasPrefix(name, "Print") || strings.HasPrefix(name, "Fprint") && len(cc.Args) > 0 && isStandardStream(cc.Args[0])) {
		if j.turned(j.inTest(c.Parent())) {
			return unknown
		}
		return logs
	}
	if path == "testing" && (name == "Log" || name == "Logf") {
		return logs
	}
	if isLogging(path) {
		for _, p := range []string{"Fatal", "Panic", "Exit"} {
			if strings.HasPrefix(name, p) {
				return ends
			}
		}
		if metering(path) && !slices.Contains(writing, name) || answers(c) || j.heard(c, path) {
			return unknown
		}
		return logs
	}
	switch path {
	case "context":
		if name == "AfterFunc" || cc.IsInvoke() && j.counts(cc.Value, 0) || !cc.IsInvoke() && len(cc.Args) > 0 && j.counts(cc.Args[0], 0) {
			return unknown
		}
		return context
	case "time":
		switch name {
		case "AfterFunc":
			return unknown
		case "NewTicker", "NewTimer", "After", "Tick", "Sleep", "Stop", "Reset":
			return timing
		}
		return none
	case j.helper:
		if recv && (name == "Stop" || name == "Reset") {
			return timing
		}
	}
	if path == "errors" && name == "As" && !freshTarget(c) {
		return unknown
	}
	if (path == j.client || path == j.helper) && (name == "Key" || name == "Lease" || name == "Done") {
		return none
	}
	if q := quiet[path]; q != nil && q(name, recv) && !slices.ContainsFunc(cc.Args, isFunction) || j.ofClient(cc.Signature().Results(), "OpOption") {
		return none
	}
	return unknown
}

// cancels reports whether a value has the type of what cancels a context.
func cancels(v ssa.Value) bool {
	return isNamed(v.Type(), "context", "CancelFunc") || isNamed(v.Type(), "context", "CancelCauseFunc")
}

// answers reports whether anything looks at what a call that logs returns, but for what is to be logged
// itself.
func answers(c ssa.CallInstruction) bool {
	v := c.Value()
	if v == nil {
		return false
	}
	for _, r := range *v.Referrers() {
		from := ssa.Value(v)
		switch x := r.(type) {
		case *ssa.DebugRef:
			continue
		case *ssa.Extract:
			if len(*x.Referrers()) == 0 {
				continue
			}
			from = x
		}
		t := from.Type()
		if p, ok := types.Unalias(t).(*types.Pointer); ok {
			t = p.Elem()
		}
		if n, ok := types.Unalias(t).(*types.Named); !ok || n.Obj().Pkg() == nil || !isLogging(n.Obj().Pkg().Path()) {
			return true
		}
	}
	return false
}

func isFunction(v ssa.Value) bool {
	_, is := v.Type().Underlying().(*types.Signature)
	return is
}

// makesCancel reports whether the program makes functions of its own that look like those by which a
// context is cancelled.
func (j *Judge) makesCancel() bool {
	if !j.cancels.known {
		j.cancels.known = true
		for _, f := range j.program {
			for in := range instructions(f) {
				c, ok := in.(*ssa.ChangeType)
				j.cancels.made = j.cancels.made || ok && (isNamed(c.Type(), "context", "CancelFunc") || isNamed(c.Type(), "context", "CancelCauseFunc"))
			}
		}
	}
	return j.cancels.made
}

// freshTarget reports whether errors.As writes to a variable that each round makes anew.
func freshTarget(as ssa.CallInstruction) bool {
	target, ok := as.Common().Args[1].(*ssa.MakeInterface)
	if !ok {
		return false
	}
	al, ok := target.X.(*ssa.Alloc)
	return ok && (len(cycle(as.Block())) == 0 || cycle(as.Block())[al.Block()])
}

// ofClient reports whether the one result is of the type of that name in the client that package
// concurrency belongs to.
func (j *Judge) ofClient(results *types.Tuple, name string) bool {
	return results.Len() == 1 && isNamed(results.At(0).Type(), strings.TrimSuffix(j.client, "/concurrency"), name)
}

// isStandardStream reports whether v is os.Stdout or os.Stderr.
func isStandardStream(v ssa.Value) bool {
	if m, ok := v.(*ssa.MakeInterface); ok {
		v = m.X
	}
	u, ok := v.(*ssa.UnOp)
	if !ok {
		return false
	}
	g, ok := u.X.(*ssa.Global)
	return ok && g.Pkg.Pkg.Path() == "os" && (g.Name() == "Stdout" || g.Name() == "Stderr")
}

// isDone reports whether v is the channel that a context ends with.
func isDone(v ssa.Value) bool {
	c, ok := v.(*ssa.Call)
	if !ok {
		return false
	}
	path, name, _ := callee(&c.Call)
	return path == "context" && name == "Done"
}
