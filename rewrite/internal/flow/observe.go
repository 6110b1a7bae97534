package flow

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// An observer knows who looks at types at run time: what a walk meets there leaves its types, or is
// refused.
type observer struct{ *walker }

// Who looks at types at run time.
//
// Not only a mutex in an interface can be told by its type: so can a struct that holds one,
// by an encoder, by a deep comparison, or by whatever else walks over fields. A struct keeps
// its name, but the types of its fields change. So where a value goes out of the module in an
// interface, what it holds stays as it is, unless the code there is known not to look: code
// outside the module is not read. Within the module a value may go on from one interface to
// another; which one meets which call cannot be told, and a call that a value could come to
// by its methods counts.

// panics is who looks at what is given to panic, and wrapper who gives back an error that it is given.
const panics, wrapper = "panic", "fmt.Errorf"

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// A kept value is a struct with a mutex in it that is converted to an interface.
type kept struct {
	t     types.Type
	iface *types.Interface
	at    token.Pos
}

// looks are the places where a program shows values to code that is not followed.
type looks struct {
	meetings []meeting
	kept     []kept
	bearers  map[bearer]bool
	raised   []*types.Interface // with methods, and converted to one without
	failing  []failing
	named    []instance
	patched  []finding.Reason
	catchers catchers
	recovers token.Pos          // a call of recover whose result is used
	panics   []origin           // what is given to panic
	linked   map[token.Pos]bool // what the linker joins with other names
	values   []methodValue      // of mutexes
	codeName token.Pos          // a use of runtime.FuncForPC
	contexts contexts
	places   givenPlaces
	parts    parts
}

// A bearer is a type of values with interfaces in them, one of which is converted to an interface.
type bearer struct {
	t     types.Type
	iface *types.Interface
}

// bears notes such a conversion.
func (l *looks) bears(t types.Type, iface *types.Interface) {
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		return
	case *types.Pointer:
		if _, ok := t.Elem().Underlying().(*types.Basic); ok {
			return
		}
	}
	if l.bearers == nil {
		l.bearers = map[bearer]bool{}
	}
	l.bearers[bearer{t, iface}] = true
}

// An instance is a value of a generic type of this module, with the mutex among its type
// arguments, that is converted to an interface.
type instance struct {
	t     types.Type
	iface *types.Interface
	at    token.Pos
}

// A methodValue is a method of a mutex that is not called where it is named.
type methodValue struct {
	n  *node
	at token.Pos
}

// A failing assertion has no second result: where it fails it panics, and the text names the
// type that is in the interface, and the one that is asked for.
type failing struct {
	from  *types.Interface
	asked types.Type
	ns    []*node // of asked, if that is the mutex, or has it in its name
	at    token.Pos
	text  string // the method that it is in, if those that call it write down its panics
	src   origin
}

// looked judges a value that goes to a place of type dst.
func (w observer) looked(t, dst types.Type, src ast.Expr) {
	if t == nil || isTypeParam(t) {
		return
	}
	iface, ok := source.Under(dst).(*types.Interface)
	if ok && isTypeParam(dst) {
		ok = false
	}
	how, who := w.looksAt(src)
	if how == none {
		return
	}
	if named, is := types.Unalias(dst).(*types.Named); is && !ok && who == "" && (isFunc(t) || !types.Identical(t, dst)) && named.Obj().Pkg() != nil && w.p.FileAt(named.Obj().Pos()) == nil {
		how, who = ofType(named), named.Obj().Pkg().Path()+"."+named.Obj().Name() // a function that others call
	}
	if ok && (who == panics || who == wrapper && has(t, errorType)) { // recover and errors.Unwrap give it back
		w.keep(t, dst, iface, src)
	}
	if who == panics && w.p.IsMutexPtr(t) {
		w.meet(how, anything, who, src.Pos(), origin{w.file, src})
	}
	if who == "" || how == blind {
		if ok {
			w.keep(t, dst, iface, src)
		}
		return
	}
	if !ok {
		w.spreadLook(t, how, who, src)
		return
	}
	only := iface.NumMethods() > 0 && (how < whole || callsOnly(w.file, w.stack, src))
	if how.handsBack() || only {
		w.keep(t, dst, iface, src)
	}
	if only {
		return
	}
	if from, is := source.Under(t).(*types.Interface); is {
		w.meet(how, from, who, src.Pos(), origin{w.file, src})
		if iface.NumMethods() == 0 {
			printsContext(w.Flow, t, meeting{how, anything, who, src.Pos(), origin{}})
		}
		return
	}
	printsContext(w.Flow, t, meeting{how, anything, who, src.Pos(), origin{}})
	if iface.NumMethods() > 0 && how < calls {
		return // it calls them
	}
	w.show(t, how, who, src.Pos())
	inside := keysIn(w.Flow, t)
	if how >= members {
		inside = w.interfacesIn(t, how)
	}
	for _, inner := range inside {
		w.meet(how, inner, who, src.Pos(), origin{})
	}
}

func (w observer) meet(how look, iface *types.Interface, who string, at token.Pos, src origin) {
	w.looks.meetings = append(w.looks.meetings, meeting{how, iface, who, at, src})
}

// keep notes a value that goes into an interface of this module, or that code outside keeps
// for it.
func (w observer) keep(t, dst types.Type, iface *types.Interface, src ast.Expr) {
	if from, ok := source.Under(t).(*types.Interface); ok {
		foreignMethods(w, t, iface, src.Pos())
		w.looks.contexts.boxed = w.looks.contexts.boxed || isContext(t) && !isContext(dst)
		if from.NumMethods() > 0 && iface.NumMethods() == 0 {
			w.looks.raised = append(w.looks.raised, from)
		}
		return
	}
	w.equal.composed(t)
	w.looks.bears(t, iface)
	if len(inName(w.mutexIn, t)) > 0 {
		w.looks.named = append(w.looks.named, instance{t, iface, src.Pos()})
	}
	if len(w.held(t, calls)) > 0 {
		w.looks.kept = append(w.looks.kept, kept{t, iface, src.Pos()})
	}
	named, _ := types.Unalias(dst).(*types.Named)
	foreign := named != nil && named.Obj().Pkg() != nil && w.p.FileAt(named.Obj().Pos()) == nil
	for m := range iface.Methods() {
		obj, _, _ := types.LookupFieldOrMethod(t, true, m.Pkg(), m.Name())
		if m.Pkg() == nil {
			continue // error
		}
		if fn, ok := obj.(*types.Func); ok && fn.Pkg() != nil && w.p.FileAt(fn.Pos()) == nil {
			w.asks(fn, src.Pos()) // what calls it by the interface is code of this module
		}
		if foreign && w.looksOf(m, nil, nil) > blind {
			w.spreadLook(m.Signature(), calls, named.Obj().Pkg().Path()+", which calls "+m.Name(), src)
		}
	}
}

// foreignMethods notes the methods that a value of type t has from another module, where code of this one may
// call them by an interface.
func foreignMethods(w observer, t types.Type, iface *types.Interface, at token.Pos) {
	for m := range iface.Methods() {
		obj, _, _ := types.LookupFieldOrMethod(t, true, m.Pkg(), m.Name())
		if fn, ok := obj.(*types.Func); ok && fn.Pkg() != nil && w.p.FileAt(fn.Pos()) == nil {
			w.asks(fn, at)
		}
	}
}

// spreadLook judges a value that code outside the module gets as it is: f(list...), where
// the list is of interfaces, functions whose results are, and whatever else has one in it.
func (w observer) spreadLook(t types.Type, how look, who string, src ast.Expr) {
	switch u := source.Under(t).(type) {
	case *types.Slice:
		if iface, ok := source.Under(u.Elem()).(*types.Interface); ok {
			if !isTypeParam(u.Elem()) && !(iface.NumMethods() > 0 && callsOnly(w.file, w.stack, src)) {
				w.meet(how, iface, who, src.Pos(), origin{w.file, src})
			}
			return
		}
	case *types.Signature:
		for i := range u.Results().Len() {
			for _, iface := range leaving(w.p, u.Results().At(i).Type(), callsOnly(w.file, w.stack, src)) {
				for _, from := range w.returned(src, i) {
					w.meet(how, iface, who, src.Pos(), from)
				}
			}
		}
		return
	}
	if how < members {
		return
	}
	for _, iface := range leaving(w.p, t, callsOnly(w.file, w.stack, src)) {
		w.meet(how, iface, who, src.Pos(), origin{w.file, src})
	}
}

// looksAt says how closely the code looks that src is handed to, and who it is; "" for code
// of this module.
func (w observer) looksAt(src ast.Expr) (look, string) {
	at := w.stack[len(w.stack)-1]
	if call, ok := at.(*ast.CallExpr); ok && w.file.Callee(call) == types.Universe.Lookup("panic") && !w.file.Test {
		return named, panics // where nothing recovers, the runtime prints it
	}
	if !w.foreignPlace(src) {
		return blind, ""
	}
	call, ok := at.(*ast.CallExpr)
	if !ok {
		pkg := taker(w.file, at, src)
		if pkg == nil || importpath.Within(pkg.Path(), w.p.In.ModulePath) {
			return calls, "code of another module"
		} else if names, ok := blindCode[pkg.Path()]; ok && names == nil {
			return blind, pkg.Path()
		}
		return ofPackage(pkg), pkg.Path()
	}
	if named, ok := types.Unalias(w.file.TypeOf(call.Fun)).(*types.Named); ok && ofType(named) < calls {
		return ofType(named), named.Obj().Pkg().Path() + "." + named.Obj().Name()
	}
	if w.looks.places.called(w.file, call) {
		return calls, "a function that another module gives"
	}
	obj := w.file.Callee(call)
	who := obj.Pkg().Path() + "." + obj.Name()
	if fn, ok := obj.(*types.Func); ok {
		return w.looksOf(fn, call, src), who
	}
	return calls, who
}

// ofType says how closely code looks at what is in a value of a type that another module declares, or is
// handed to it if it is a function.
func ofType(t *types.Named) look { return ofPackage(t.Obj().Pkg()) }

func ofPackage(pkg *types.Package) look {
	if pkg != nil && slices.Contains(nameReaders, pkg.Path()) {
		return named
	}
	return calls
}

// looksOf says how closely fn looks at src, which call hands to it. Both may be nil.
func (w observer) looksOf(fn *types.Func, call *ast.CallExpr, src ast.Expr) look {
	path := fn.Pkg().Path()
	if path == "github.com/google/wire" {
		return none // its functions are there for its generator, which reads sources
	}
	if names, ok := blindCode[path]; ok && (names == nil || slices.Contains(names, fn.Name())) {
		return blind
	}
	formats := func() look {
		switch {
		case !strings.HasSuffix(fn.Name(), "f"):
			return surface
		case call == nil:
			return whole
		}
		return w.printed(call, src)
	}
	switch {
	case path == convey && fn.Name() == "So" && call != nil && len(call.Args) > 1 && src == call.Args[0] && w.asserts(call.Args[1]):
		return none
	case slices.Contains(printers, path):
		return formats()
	case importpath.Within(path, "github.com/stretchr/testify") && slices.Contains(testifyNamed, fn.Name()):
		return named
	case slices.Contains(nameReaders, path) && !strings.HasSuffix(fn.Name(), "f"):
		return named
	case importpath.WithinAny(path, memberReaders):
		return max(members, formats()) // as Infof of a logger
	case importpath.WithinAny(path, fieldReaders), path == "reflect" && fn.Name() == "DeepEqual":
		return whole
	}
	return calls
}

// asserts reports whether an assertion of goconvey is one of those that look at no type.
func (w observer) asserts(assertion ast.Expr) bool {
	v := w.file.VariableOf(assertion)
	return v != nil && v.Pkg() != nil && v.Pkg().Path() == convey && slices.Contains(conveyBlind, v.Name())
}

// printed says how closely a format looks at src: Go syntax has the types of what lies below the
// surface, and so has the complaint about a verb that does not fit.
func (w observer) printed(call *ast.CallExpr, src ast.Expr) (how look) {
	for i, a := range call.Args {
		tv := w.file.Pkg.TypesInfo.Types[a]
		if b, ok := source.Under(tv.Type).(*types.Basic); !ok || b.Info()&types.IsString == 0 {
			continue
		}
		all, ok := verbs(text(tv.Value))
		n := slices.Index(call.Args, src) - i - 1
		mine := all[n]
		how = surface
		if call.Ellipsis.IsValid() && src == call.Args[len(call.Args)-1] {
			for k, more := range all {
				if k > n {
					mine = append(mine, more...)
				}
			}
			how = named // where there are more than verbs
		}
		if !ok || len(mine) == 0 {
			return whole
		}
		for _, v := range mine {
			switch {
			case strings.Contains(v.flags, "#") || strings.IndexByte(w.fits(src), v.letter) < 0:
				return whole
			case v.letter == 'T':
				how = named
			}
		}
		return how
	}
	return whole
}

// fits returns the verbs that say nothing of types for src: what prints itself is asked to.
func (w observer) fits(src ast.Expr) string {
	for _, name := range []string{"Error", "String"} {
		obj, _, _ := types.LookupFieldOrMethod(w.file.TypeOf(src), true, w.file.Pkg.Types, name)
		if fn, ok := obj.(*types.Func); ok && types.Identical(fn.Signature().Results(), types.NewTuple(types.NewVar(0, nil, "", types.Typ[types.String]))) {
			return "vTpwsqxX"
		}
	}
	return "vTpw"
}

// text is the value of a string constant, or "".
func text(v constant.Value) string {
	if v == nil {
		return ""
	}
	return constant.StringVal(v)
}

// show refuses what a value of type t holds, since somebody looks at it.
func (w *Flow) show(t types.Type, how look, who string, at token.Pos) {
	if how >= named && len(inName(w.mutexIn, t)) > 0 {
		w.refuseInstance(instance{t: t, at: at}, who)
	}
	if how < members {
		return
	}
	for _, obj := range w.held(t, how) {
		w.refuse(w.object(obj), finding.EscapesInterface, at, "%s, which holds it, goes to %s, which may look at the types of its fields", types.TypeString(t, shortly), who)
	}
}

// printsContext notes that somebody looks at a value of type t, and at contexts in it. Encoders ask for no String, and
// what a context has is in fields that they do not read.
func printsContext(f *Flow, t types.Type, m meeting) {
	if strings.HasPrefix(m.who, "encoding/") {
		return
	}
	if m.look >= surface && showsContext(f, t, m.look) {
		f.looks.contexts.printed = append(f.looks.contexts.printed, m)
	}
}

// showsContext reports whether there are contexts in values of type t, where somebody who looks so closely, or
// prints them, asks for their String.
func showsContext(f *Flow, t types.Type, how look) (found bool) {
	f.visitTypes(t, how, func(t types.Type) { found = found || isContext(t) })
	return found
}

// shortly names packages in messages.
func shortly(p *types.Package) string { return p.Name() }

// refuse notes why a node cannot change. Unlike poisonNode it says nothing about what else
// is in interfaces.
func (f *Flow) refuse(n *node, code finding.Code, at token.Pos, format string, args ...any) {
	if n == nil {
		return
	}
	n.find().deny(finding.Reason{Code: code, Detail: fmt.Sprintf(format, args...), Pos: f.p.Position(at)})
}

// held returns the fields and methods by which somebody who looks at a value of type t, as
// closely as how says, sees a mutex.
func (f *Flow) held(t types.Type, how look) (out []types.Object) {
	cache := f.holds[how]
	if cache == nil {
		cache = map[types.Type][]types.Object{}
		f.holds[how] = cache
	}
	if out, ok := cache[t]; ok {
		return out
	}
	f.visitTypes(t, how, func(t types.Type) {
		switch t := t.(type) {
		case *types.Named:
			if f.p.FileAt(t.Obj().Pos()) == nil {
				break
			}
			for m := range t.Origin().Methods() {
				if m.Exported() && f.mutexIn(m.Type()) {
					out = append(out, m)
				}
			}
			switch t.Underlying().(type) {
			case *types.Struct, *types.Interface:
			default:
				if f.mutexIn(t) {
					out = append(out, t.Obj()) // as type locks []*concurrency.Mutex
				}
			}
		case *types.Interface:
			for m := range t.Methods() {
				if how == calls && f.p.FileAt(m.Pos()) != nil && f.mutexIn(m.Type()) {
					out = append(out, m)
				}
			}
		case *types.Struct:
			for v := range t.Fields() {
				if !how.sees(v) {
					continue
				}
				if f.mutexIn(v.Type()) {
					out = append(out, v)
				}
				out = append(out, inName(f.mutexIn, v.Type())...)
			}
		}
	})
	cache[t] = out
	return out
}

// sees reports whether somebody who looks so closely reads a field.
func (how look) sees(v *types.Var) bool { return how >= whole || v.Exported() }

// interfacesIn returns the types of fields, elements and keys of t that are interfaces, and of the
// results of methods that somebody who looks so closely calls.
func (f *Flow) interfacesIn(t types.Type, how look) (out []*types.Interface) {
	f.visitTypes(t, how, func(t types.Type) {
		switch t := t.(type) {
		case *types.Interface:
			out = append(out, t)
		case *types.Named:
			if t.Obj().Pkg() != nil && containers[t.Obj().Pkg().Path()] != nil && (how >= whole || !isContext(t)) {
				out = append(out, anything) // it keeps what it is given in interfaces
			}
			if how >= whole && f.p.FileAt(t.Obj().Pos()) == nil {
				out = append(out, askedInside(t)...)
			}
			for m := range t.Methods() {
				results := m.Signature().Results()
				if how < members || results.Len() == 0 || how < calls && !strings.HasPrefix(m.Name(), "Marshal") {
					continue
				}
				if iface, ok := source.Under(results.At(0).Type()).(*types.Interface); ok && m.Exported() && f.p.FileAt(m.Pos()) != nil {
					out = append(out, iface) // as MarshalYAML() (any, error)
				}
			}
		}
	})
	return out
}

// keysIn returns the interfaces in keys of maps in t: who prints one puts keys of several types in an order that
// these have.
func keysIn(f *Flow, t types.Type) (out []*types.Interface) {
	f.visitTypes(t, whole, func(t types.Type) {
		if m, ok := t.(*types.Map); ok {
			out = append(out, interfacesOf(m.Key())...)
		}
	})
	return out
}

// visitTypes calls visit for t and the types that its values are made of, as far as somebody
// sees who looks so closely. Structs of other modules are not entered: what is put into one goes
// to code that is not read.
func (f *Flow) visitTypes(t types.Type, how look, visit func(types.Type)) {
	seen := newVisited()
	var walk func(types.Type)
	signature := func(sig *types.Signature) {
		for _, list := range []*types.Tuple{sig.Params(), sig.Results()} {
			for v := range list.Variables() {
				walk(v.Type())
			}
		}
	}
	walk = func(t types.Type) {
		if !seen.first(t) {
			return
		}
		visit(t)
		switch t := t.(type) {
		case *types.Alias:
			walk(types.Unalias(t))
		case *types.Named:
			for a := range t.TypeArgs().Types() {
				walk(a)
			}
			own := f.p.FileAt(t.Obj().Pos()) != nil
			for m := range t.Methods() {
				if own && how == calls && m.Exported() {
					signature(m.Signature())
				}
			}
			if _, ok := t.Underlying().(*types.Struct); !ok || own {
				walk(t.Underlying())
			}
		case *types.Map:
			walk(t.Key())
			walk(t.Elem())
		case *types.Pointer:
			walk(t.Elem())
		case *types.Slice:
			walk(t.Elem())
		case *types.Array:
			walk(t.Elem())
		case *types.Chan:
			walk(t.Elem())
		case *types.Signature:
			if how == calls {
				signature(t)
			}
		case *types.Interface:
			for m := range t.Methods() {
				if how == calls && f.p.FileAt(m.Pos()) != nil {
					signature(m.Signature())
				}
			}
		case *types.Struct:
			for v := range t.Fields() {
				if how.sees(v) || v.Embedded() {
					walk(v.Type())
				}
			}
		}
	}
	walk(t)
}

// met refuses what somebody outside the module may look at by way of interfaces of the
// module. borne adds the meetings of what is inside of them.
func (f *Flow) met(borne func(*Flow, *origins, func(t types.Type, in, to *types.Interface) bool)) {
	// reaches reports whether a value with methods like t, which is in an interface, may come
	// to another one.
	// Both are asked for each pair of a value and a meeting.
	type pair struct {
		t     types.Type
		iface *types.Interface
	}
	has := memoized(func(p pair) bool { return has(p.t, p.iface) })
	raised := memoized(func(t types.Type) bool {
		return slices.ContainsFunc(f.looks.raised, func(i *types.Interface) bool { return has(pair{t, i}) })
	})
	reaches := func(t types.Type, in, to *types.Interface) bool {
		if to.NumMethods() > 0 || in.NumMethods() == 0 {
			return has(pair{t, to})
		}
		return raised(t)
	}
	f.looks.meetings = append(f.looks.meetings, f.looks.contexts.told()...)
	from := newOrigins(f)
	borne(f, from, reaches)
	for _, m := range f.looks.meetings {
		for _, k := range f.looks.kept {
			if m.look >= members && from.brings(m, k.t, func(to *types.Interface) bool { return reaches(k.t, k.iface, to) }) {
				f.show(k.t, m.look, m.by(f.p, " by way of the interface at "), k.at)
			}
		}
		for _, i := range f.looks.named {
			if m.look >= named && from.brings(m, i.t, func(to *types.Interface) bool { return reaches(i.t, i.iface, to) }) {
				f.refuseInstance(i, m.by(f.p, " at "))
			}
		}
		for _, c := range f.boxes.from {
			if from.brings(m, f.mutex, func(to *types.Interface) bool { return reaches(f.mutex, c.iface, to) }) {
				f.refuse(c.n, finding.EscapesInterface, c.at, "what is in such an interface goes to %s, which may look at its type", m.by(f.p, " at "))
			}
		}
	}
	f.failed(from, reaches)
	holds := func(t types.Type) bool { return len(f.held(t, whole)) > 0 }
	f.looks.parts.meet(holds, func(t types.Type) bool { return len(typeParamsIn(t)) > 0 }, func(t types.Type, at, converted token.Pos) {
		for _, obj := range f.held(t, whole) {
			f.refuse(f.object(obj), finding.UnsafeUse, at, "the address of a part of %s, which holds it, may be what is converted with unsafe.Pointer at %s", types.TypeString(t, shortly), f.p.Where(converted))
		}
	})
	if f.looks.codeName.IsValid() {
		for _, v := range f.looks.values {
			f.refuse(v.n, finding.EscapesInterface, v.at, "runtime.FuncForPC at %s may say which function such a method value is", f.p.Where(f.looks.codeName))
		}
	}
}

// mayFail notes an assertion that panics where it fails. What a failing test prints is compared
// by nobody.
func (w observer) mayFail(x *ast.TypeAssertExpr) {
	from, ok := source.Under(w.file.TypeOf(x.X)).(*types.Interface)
	if !ok || w.file.Test && !hasExamples(w.file) {
		return
	}
	switch p := w.parent().(type) {
	case *ast.AssignStmt:
		if len(p.Lhs) > len(p.Rhs) {
			return
		}
	case *ast.ValueSpec:
		if len(p.Names) > len(p.Values) {
			return
		}
	}
	f := failing{from: from, asked: w.file.TypeOf(x.Type), at: x.Pos(), src: origin{w.file, x.X}}
	if w.p.IsMutexPtr(f.asked) {
		f.ns = []*node{w.typeExpr(x.Type)}
	} else {
		for _, obj := range inName(w.mutexIn, f.asked) {
			f.ns = append(f.ns, w.object(obj))
		}
	}
	for _, n := range w.stack {
		if fn, ok := n.(*ast.FuncDecl); ok && fn.Recv != nil && slices.Contains(texts, fn.Name.Name) {
			f.text = fn.Name.Name
		}
		if serves(w.file, n) {
			f.text = "an HTTP handler"
		}
	}
	w.looks.failing = append(w.looks.failing, f)
}

// recovered notes a call of recover that gives somebody the text of a panic.
func (w observer) recovered(n *ast.CallExpr) {
	if _, dropped := w.parent().(*ast.ExprStmt); !dropped && (!w.file.Test || hasExamples(w.file)) {
		w.looks.recovers = n.Pos()
	}
}

// refuseInstance refuses the mutexes that go through generic code, since somebody reads the name
// of a type that has them among its arguments.
func (f *Flow) refuseInstance(i instance, who string) {
	spelled := inName(f.mutexIn, i.t)
	for _, obj := range spelled {
		f.refuse(f.object(obj), finding.EscapesInterface, i.at, "%s has it in its name, which %s may read", types.TypeString(i.t, shortly), who)
	}
	if len(spelled) > 0 && len(typeParamsIn(i.t)) == 0 {
		return
	}
	f.refuse(f.generics.hub, finding.GenericType, i.at, "an instance of %s has it in its name, which %s may read", types.TypeString(i.t, shortly), who)
}

// failed refuses what the panic of a failing assertion names, or that of a comparison.
func (f *Flow) failed(from *origins, reaches func(t types.Type, in, to *types.Interface) bool) {
	for _, i := range f.looks.named {
		if f.equal.panics(i.t) {
			namedByPanic(f, f.generics.hub, i.at, "", "the panic where one is compared names the type, and ")
		}
	}
	for _, a := range f.looks.failing {
		if f.p.IsMutexPtr(a.asked) && from.always(a.src, f.p.IsMutexPtr) {
			continue
		}
		for _, n := range a.ns {
			namedByPanic(f, n, a.at, a.text, "where the assertion fails its panic names the type, and ")
		}
		if f.p.IsMutexPtr(a.asked) {
			continue
		}
		iface, ok := source.Under(a.asked).(*types.Interface)
		if ok && !isTypeParam(a.asked) && f.mutex != nil && has(f.mutex, iface) {
			continue // it holds
		}
		for _, i := range f.looks.named {
			if reaches(i.t, i.iface, a.from) {
				f.refuseInstance(i, "the panic of the assertion at "+f.p.Where(a.at))
			}
		}
		for _, c := range f.boxes.from {
			if reaches(f.mutex, c.iface, a.from) {
				f.refuse(c.n, finding.EscapesInterface, c.at, "what is in such an interface may come to the assertion at %s, whose panic names its type", f.p.Where(a.at))
			}
		}
	}
}

// namedByPanic refuses a mutex whose type a panic names, where somebody may write that down. text is the method that
// it is in, if those that call it do.
func namedByPanic(f *Flow, n *node, at token.Pos, text, why string) {
	for _, c := range f.looks.catchers[:min(1, len(f.looks.catchers))] {
		f.refuse(n, finding.EscapesInterface, at, why+"%s at %s may write that down", c.who, f.p.Where(c.at))
	}
	if text != "" {
		f.refuse(n, finding.EscapesInterface, at, why+"what calls %s may write that down", text)
	}
	if f.looks.recovers.IsValid() {
		f.refuse(n, finding.EscapesInterface, at, why+"recover at %s may hand that on", f.p.Where(f.looks.recovers))
	}
}

// handed notes a function outside the module that is a value here: what it is called with
// is not seen.
func (w observer) handed(id *ast.Ident) {
	if source.IsObject(w.file.ObjectOf(id), "runtime", "FuncForPC") {
		w.looks.codeName = id.Pos()
	}
	fn, ok := w.file.Pkg.TypesInfo.Uses[id].(*types.Func)
	if !ok || fn.Pkg() == nil || w.p.FileAt(fn.Pos()) != nil {
		return
	}
	at := ast.Node(id)
	for i := len(w.stack) - 2; i >= 0; i-- {
		switch p := w.stack[i].(type) {
		case *ast.ValueSpec:
			if len(p.Names) == 1 && source.IsBlank(p.Names[0]) && len(p.Values) == 1 && p.Values[0] == at {
				return // an import is used, and no more
			}
		case *ast.ParenExpr, *ast.IndexExpr, *ast.IndexListExpr:
			at = p
			continue
		case *ast.SelectorExpr:
			if p.Sel == at {
				at = p
				continue
			}
		case *ast.CallExpr:
			if p.Fun == at {
				return
			}
		}
		break
	}
	w.asks(fn, id.Pos())
}

// asks notes that a function outside the module may get what is in interfaces here.
func (w observer) asks(fn *types.Func, at token.Pos) {
	how := w.looksOf(fn, nil, nil)
	for v := range fn.Signature().Params().Variables() {
		t := v.Type()
		if s, ok := t.(*types.Slice); ok {
			t = s.Elem()
		}
		if iface, ok := source.Under(t).(*types.Interface); ok && how > blind && (iface.NumMethods() == 0 || how >= calls && !onlyCalls(fn.Pkg().Path())) {
			w.meet(how, iface, fn.Pkg().Path()+"."+fn.Name(), at, origin{})
		}
	}
}
