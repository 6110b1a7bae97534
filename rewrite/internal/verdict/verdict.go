// Package verdict says of each place that tries a lock, and that is in no finding, why it
// is not: what is harmless about it, or where the trail is lost.
//
// It takes the places as they were counted, the call graph and the ways on it, and what was
// found out about the loops on these ways. It gives one word for each place, the strongest
// that holds for any way to it. It finds nothing, and it changes no finding.
package verdict

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"sync"

	"golang.org/x/tools/go/ssa"

	"etcdmod/internal/finding"
	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/account"
	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/repeat"
)

// A Verdict is the word for a place, with the reason, and where that is seen.
type Verdict struct {
	Word finding.Verdict
	Why  string
	At   token.Pos // may be none
}

// A Loop names a loop around a call.
type Loop struct{ Call, Loop token.Pos }

// Facts are what others know.
type Facts struct {
	// Judged are loops on the way to a try that were looked at and found to retry nothing,
	// with what they are instead.
	Judged map[Loop]Verdict
	// Repeats reports whether a function of another module calls again and again what it is
	// given.
	Repeats func(types.Object) bool
	// Harmless returns why loops around a try do not matter, or whether that is not known; ""
	// where they matter.
	Harmless func(account.Try) (word finding.Verdict, why string)
	// Stops are functions, by their position, that do not return after a try that failed.
	Stops map[token.Pos]bool
	// Helper is the import path of the generated package, whose mutexes ask before they write.
	Helper string
	// Program reports whether nobody outside of the module can import a package.
	Program func(path string) bool
}

// rank orders the words: the strongest one of all ways stands for the place.
var rank = map[finding.Verdict]int{
	finding.Uncalled: 1, finding.Once: 2, finding.Exported: 3, finding.PerItem: 4, finding.PerRequest: 5,
	finding.NotLoaded: 6, finding.Unknown: 7,
}

// Stronger returns the stronger one of two verdicts, the first one if they are the same.
func Stronger(a, b Verdict) Verdict {
	if rank[b.Word] > rank[a.Word] {
		return b
	}
	return a
}

// Position is by what the graph knows a try: the parenthesis of a call, or the name of the
// method.
func Position(t account.Try) token.Pos {
	if call, ok := t.Node.(*ast.CallExpr); ok {
		return call.Lparen
	}
	return t.Pos
}

// Of returns the verdict for a place that is in no finding.
func Of(g *callgraph.Graph, w *repeat.Walk, t account.Try, facts Facts) Verdict {
	if t.Unresolved {
		return Verdict{Word: finding.NotLoaded, Why: "the type of what it is called on is not known", At: t.Pos}
	}
	if why, ok := g.Unbuilt[t.Package]; ok {
		return Verdict{Word: finding.Unknown, Why: "the package does not type-check, so its callers are not followed: " + why, At: t.Pos}
	}
	switch t.Form {
	case account.Expression:
		return Verdict{Word: finding.Unknown, Why: "the method is used as a function, whose calls are not told apart", At: t.Pos}
	case account.Given:
		return Verdict{Word: finding.Unknown, Why: "the mutex is given to another module, whose code is not followed", At: t.Pos}
	case account.Named:
		return Verdict{Word: finding.Unknown, Why: "reflection looks for the method by name, and who calls it is not followed", At: t.Pos}
	}
	j := &judge{g: g, w: w, try: t, facts: facts, seen: map[*repeat.State]bool{}}
	if facts.Harmless != nil {
		j.harmless = sync.OnceValues(func() (finding.Verdict, string) { return facts.Harmless(t) })
	}
	states := w.Try(Position(t))
	if len(states) == 0 {
		return Verdict{Word: finding.Uncalled, Why: "no way through the program leads there", At: t.Pos}
	}
	if w.Cut() {
		return Verdict{Word: finding.Unknown, Why: "there are too many ways to follow", At: t.Pos}
	}
	for _, s := range states {
		if t.Dynamic && !j.reaches(s) {
			if exported(s.Func, facts) {
				j.say(finding.Exported, "only callers outside of the module can hand it an etcd mutex", s.Func.Pos())
			} else {
				j.say(finding.Uncalled, "no etcd mutex comes there", t.Pos)
			}
			continue
		}
		j.up(s)
		for _, c := range w.Circles() {
			if c.Try() == s && !c.Fixed && !c.Wraps {
				j.say(finding.PerItem, "each round of the calls has a lock of its own", callgraph.Pos(c.At.Site))
			}
		}
	}
	return j.best
}

type judge struct {
	g     *callgraph.Graph
	w     *repeat.Walk
	try   account.Try
	facts Facts
	seen  map[*repeat.State]bool
	best  Verdict
	// harmless is what the facts say of the try, asked once: they may read all files.
	harmless func() (finding.Verdict, string)
}

func (j *judge) say(word finding.Verdict, why string, at token.Pos) {
	j.best = Stronger(j.best, Verdict{word, why, at})
}

// reaches reports whether what a dynamic call may run has a mutex behind it: the method of
// the client, or any function of the program, which has its own tries.
func (j *judge) reaches(s *repeat.State) bool {
	edges := j.g.Out(s.Site)
	if s.Closure() { // a method value of an interface: what it wraps calls the method
		edges = j.g.From(s.Func)
	}
	return slices.ContainsFunc(edges, func(e *callgraph.Edge) bool {
		o := e.Callee.Object()
		return e.Kind != callgraph.Handed && (o == nil || o.Pkg() == nil || o.Pkg().Path() != j.facts.Helper)
	})
}

// up judges one place and those that lead there.
func (j *judge) up(s *repeat.State) {
	if j.seen[s] {
		return
	}
	j.seen[s] = true
	if !s.Closure() || s.Down != nil {
		j.rounds(s)
	}
	if callgraph.IsYield(s.Func) {
		for _, u := range s.Up {
			j.up(u)
		}
		return
	}
	if p := j.g.Mentioned(s.Func); p != nil {
		j.say(finding.Unknown, "package "+p.PkgPath+", which uses "+s.Func.Name()+", does not type-check, and is not followed: "+j.g.Unbuilt[p], s.Func.Pos())
	}
	if j.facts.Stops[s.Func.Pos()] {
		j.say(finding.Once, "a try that fails ends the process, or the goroutine", s.Func.Pos())
		return
	}
	in := j.g.In(s.Func)
	if s.Closure() {
		in = nil
		for _, u := range s.Up {
			in = append(in, u.Edge)
		}
	}
	for _, e := range in {
		if e.Kind == callgraph.Handed {
			j.handed(e)
		}
	}
	for _, u := range s.Up {
		if u.Edge.Kind != callgraph.Handed || onward(u.Edge.To) {
			j.up(u)
		}
	}
	if len(in) == 0 {
		j.root(s)
	}
}

// rounds judges the loops around a place.
func (j *judge) rounds(s *repeat.State) {
	var word finding.Verdict
	var why string
	if j.harmless != nil {
		word, why = j.harmless()
	}
	for _, r := range j.w.Rounds(s) {
		judged, known := j.facts.Judged[Loop{callgraph.Pos(s.Site), r.At}]
		switch {
		case why != "":
			j.say(word, why, r.At)
		case !r.Fixed:
			j.say(finding.PerItem, "each round of the loop has a lock of its own", r.At)
		case known:
			j.say(judged.Word, judged.Why, r.At)
			if judged.Word == finding.PerRequest {
				return // what is around that waits for others as well
			}
		case r.Waits:
			j.say(finding.PerRequest, "the loop waits for others, and goes on whatever came of the try", r.At)
			return
		default:
			j.say(finding.Unknown, "a loop repeats it, and what makes it go round is not known", r.At)
		}
	}
}

// handed judges an edge to code without a body.
func (j *judge) handed(e *callgraph.Edge) {
	at := callgraph.Pos(e.Site)
	switch {
	case e.Once:
		j.say(finding.Once, "a sync.Once runs it once", at)
	case onward(e.To): // judged with the caller
	case serves(e.To):
		j.say(finding.PerRequest, "requests run it: "+name(e.To)+" is given it", at)
	case commands(e.To):
		j.say(finding.PerRequest, "whoever runs the command asks for it: "+name(e.To)+" is given it", at)
	default:
		j.say(finding.Unknown, "it is given to "+name(e.To)+", whose code is not followed", at)
	}
}

func name(o types.Object) string {
	if o == nil {
		return "other code"
	}
	switch o := o.(type) {
	case *types.Func:
		if recv := o.Signature().Recv(); recv != nil {
			return types.TypeString(recv.Type(), func(p *types.Package) string { return p.Name() }) + "." + o.Name()
		}
	case *types.Var:
		if o.IsField() {
			return "the field " + o.Name() + " of a type of package " + o.Pkg().Path()
		}
	}
	if o.Pkg() != nil {
		return o.Pkg().Name() + "." + o.Name()
	}
	return o.Name()
}

// root judges a function without callers.
func (j *judge) root(s *repeat.State) {
	fn := s.Func
	switch {
	case s.Closure() || fn.Parent() != nil:
		if s.Closure() {
			fn = nil
		}
		if used(j.g, s) {
			j.say(finding.Unknown, "it is kept as a function value, and who calls that is not known", s.Site.Pos())
			return
		}
		j.say(finding.Uncalled, "nobody calls the function value", s.Site.Pos())
	case fn.Name() == "init" || fn.Name() == "main" && fn.Pkg != nil && fn.Pkg.Pkg.Name() == "main":
		j.say(finding.Once, "it runs once", fn.Pos())
	case isTest(fn):
		j.say(finding.Once, "a test runs it once, a benchmark as often as it likes", fn.Pos())
	case exported(fn, j.facts):
		j.say(finding.Exported, "only callers outside of the module can repeat it", fn.Pos())
	case j.named(fn):
	case j.g.Taken(fn):
		j.say(finding.Unknown, "it is kept as a function value, and who calls that is not known", fn.Pos())
	default:
		j.say(finding.Uncalled, "nobody calls "+fn.Name(), fn.Pos())
	}
}

// named judges a method that nobody calls, and that other modules may find by its name in
// what they are given: those of a test file are what a suite of tests runs. It reports
// whether there are any.
func (j *judge) named(fn *ssa.Function) bool {
	recv := fn.Signature.Recv()
	if recv == nil || !ast.IsExported(fn.Name()) {
		return false
	}
	t := recv.Type()
	to := j.g.Given(t)
	if _, isPointer := types.Unalias(t).(*types.Pointer); !isPointer {
		to = slices.Concat(to, j.g.Given(types.NewPointer(t)))
	}
	found := false
	for _, o := range to {
		switch {
		case !looksUp(o):
			continue
		case strings.HasSuffix(fn.Prog.Fset.Position(fn.Pos()).Filename, "_test.go"):
			j.say(finding.Once, "tests run it: "+name(o)+" is given its receiver", fn.Pos())
		case serves(o):
			j.say(finding.PerRequest, "requests run it: "+name(o)+" is given its receiver", fn.Pos())
		default:
			j.say(finding.Unknown, "its receiver is given to "+name(o)+", which may call it by name", fn.Pos())
		}
		found = true
	}
	return found
}

// looksUp reports whether what a function or field is given may be searched for methods. Of
// the standard library, few packages do that.
func looksUp(o types.Object) bool {
	switch path := o.Pkg().Path(); path {
	case "reflect", "net/rpc", "text/template", "html/template":
		return true
	default:
		first, _, _ := strings.Cut(path, "/")
		return strings.Contains(first, ".")
	}
}

// used reports whether a function value that nobody calls is kept where somebody might.
func used(g *callgraph.Graph, s *repeat.State) bool {
	for _, c := range g.Closures(s.Func) {
		if c.Referrers() != nil && len(*c.Referrers()) > 0 {
			return true
		}
	}
	return len(g.Closures(s.Func)) == 0 && g.Taken(s.Func)
}

func isTest(fn *ssa.Function) bool {
	for _, prefix := range []string{"Test", "Benchmark", "Fuzz", "Example"} {
		if strings.HasPrefix(fn.Name(), prefix) && fn.Signature.Recv() == nil && strings.HasSuffix(fn.Prog.Fset.Position(fn.Pos()).Filename, "_test.go") {
			return true
		}
	}
	return false
}

// exported reports whether a function can be called from outside of the module.
func exported(fn *ssa.Function, facts Facts) bool {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	if fn.Pkg == nil || fn.Object() == nil || !fn.Object().Exported() || fn.Pkg.Pkg.Name() == "main" || facts.Program(fn.Pkg.Pkg.Path()) {
		return false
	}
	return !strings.HasSuffix(fn.Prog.Fset.Position(fn.Pos()).Filename, "_test.go")
}

// once are functions without a body that call what they are given at most once, each time
// that they are called themselves: their documentation says so.
var once = map[string][]string{
	"context": {"AfterFunc"},
	"sync":    {"Do", "Go", "OnceFunc", "OnceValue", "OnceValues"},
	"testing": {"Run", "RunParallel", "Cleanup"},
	"time":    {"AfterFunc"},

	"golang.org/x/sync/errgroup":        {"Go", "TryGo"},
	"golang.org/x/sync/singleflight":    {"Do", "DoChan"},
	"github.com/oklog/run":              {"Add"},
	"github.com/sourcegraph/conc":       {"Go"},
	"gopkg.in/tomb.v2":                  {"Go"},
	"k8s.io/apimachinery/pkg/util/wait": {"Start", "StartWithChannel", "StartWithContext"},

	"github.com/smartystreets/goconvey/convey": {"Convey", "FocusConvey", "SkipConvey", "Reset"},
}

// onward reports whether what is given to a function without a body is judged with the
// caller of that.
func onward(o types.Object) bool {
	fn, ok := o.(*types.Func)
	return ok && fn.Pkg() != nil && slices.Contains(once[fn.Pkg().Path()], fn.Name())
}

// within reports whether an object is of one of these packages, or of those below them.
func within(o types.Object, paths ...string) bool {
	return o != nil && o.Pkg() != nil && importpath.WithinAny(o.Pkg().Path(), paths)
}

// serves reports whether a function without a body has requests run what it is given.
func serves(o types.Object) bool {
	return within(o, "net/http", "net/rpc", "google.golang.org/grpc", "github.com/gin-gonic/gin", "github.com/labstack/echo",
		"github.com/gorilla/mux", "github.com/go-chi/chi", "github.com/gofiber/fiber", "github.com/julienschmidt/httprouter")
}

// commands reports whether an object is what runs the commands of a command line, once for each that somebody types.
func commands(o types.Object) bool {
	return within(o, "github.com/spf13/cobra", "github.com/urfave/cli")
}
