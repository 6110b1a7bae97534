package account

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A Kind is how a lock is tried.
type Kind string

// The kinds.
const (
	TryLock  Kind = "TryLock"  // of a mutex, or of an interface or type parameter that a mutex satisfies
	Lock     Kind = "Lock"     // of a mutex, with a deadline
	Campaign Kind = "Campaign" // of an election, with a deadline
	Create   Kind = "Commit"   // of a transaction that puts a key if it is missing, or Do with one
)

// A Form is how the method is named.
type Form string

// The forms.
const (
	Call       Form = "call"
	Value      Form = "method value"
	Expression Form = "method expression"
	Given      Form = "given"   // the mutex is given to a package that is not loaded, which may call the method
	Named      Form = "by name" // reflection looks for a method of that name
)

// A Try is one place that tries a lock, or that names the method which does.
type Try struct {
	Kind Kind
	Form Form
	// Pos is the position of the method's name, by which a try is known.
	Pos token.Pos
	// Node is the call, the selector where there is none, or the mutex that is given away.
	Node ast.Expr
	// Dynamic says that the method is one of an interface, or of a type parameter.
	Dynamic bool
	// Func is the declaration around it, nil in the value of a package variable.
	Func    *ast.FuncDecl
	Package *packages.Package // the first one that has the file
	Typed   bool              // that package has no errors of its own
	// Unresolved says that the type of the receiver is not known, since something that the
	// package imports is missing.
	Unresolved bool
}

// Paths say which packages are those of an etcd client.
type Paths struct {
	Concurrency []string // import paths of package concurrency
	Client      []string // import paths of package clientv3
}

// Tries returns all places of the packages, in the order of their files.
func Tries(fset *token.FileSet, pkgs []*packages.Package, paths Paths, skip func(*ast.File) bool) []Try {
	c := &counter{paths: paths, found: map[token.Pos]bool{}, local: map[string]bool{}, funcs: map[token.Pos]function{}, vars: map[token.Pos]value{}, kept: map[token.Pos][]kept{}, calls: map[token.Pos][]call{}, bound: map[string][]*types.Func{}, inner: map[*ast.CallExpr]bool{}, values: map[token.Pos][]call{}}
	sorted := slices.Clone(pkgs)
	slices.SortStableFunc(sorted, func(a, b *packages.Package) int { // "p" before "p [p.test]"
		if len(a.ID) != len(b.ID) {
			return len(a.ID) - len(b.ID)
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, p := range sorted {
		if p.TypesInfo != nil {
			c.local[p.PkgPath] = true
			c.mutexes(p)
			c.index(p)
		}
	}
	for _, p := range sorted {
		if p.TypesInfo == nil {
			continue
		}
		for _, f := range p.Syntax {
			if !skip(f) {
				c.file(p, f)
			}
		}
	}
	slices.SortFunc(c.out, func(a, b Try) int {
		x, y := fset.PositionFor(a.Pos, false), fset.PositionFor(b.Pos, false)
		if x.Filename != y.Filename {
			return strings.Compare(x.Filename, y.Filename)
		}
		return x.Offset - y.Offset
	})
	return c.out
}

type counter struct {
	paths  Paths
	mutex  []types.Type // *concurrency.Mutex, of each client
	elect  []types.Type // *concurrency.Election
	found  map[token.Pos]bool
	local  map[string]bool          // paths of the packages that are loaded
	funcs  map[token.Pos]function   // by the name of the declaration
	vars   map[token.Pos]value      // of packages, by their names
	kept   map[token.Pos][]kept     // contexts that are stored in fields, by the field
	calls  map[token.Pos][]call     // of declared functions, and of methods of interfaces
	bound  map[string][]*types.Func // methods of interfaces that are called, by their names
	values map[token.Pos][]call     // of variables and fields that hold functions
	inner  map[*ast.CallExpr]bool   // whether a call of OpTxn makes a transaction that creates a key
	out    []Try
}

type function struct {
	decl *ast.FuncDecl
	info *types.Info
}

type value struct {
	expr ast.Expr
	info *types.Info
}

type kept struct {
	expr ast.Expr
	in   *ast.FuncDecl
	info *types.Info
}

type call struct {
	node *ast.CallExpr
	in   *ast.FuncDecl
	info *types.Info
}

// mutexes notes the types of mutexes and elections that a package can see.
func (c *counter) mutexes(p *packages.Package) {
	if p.Types == nil {
		return
	}
	for _, imp := range p.Types.Imports() {
		if !slices.Contains(c.paths.Concurrency, unvendored(imp.Path())) {
			continue
		}
		for name, known := range map[string]*[]types.Type{"Mutex": &c.mutex, "Election": &c.elect} {
			if obj, ok := imp.Scope().Lookup(name).(*types.TypeName); ok {
				if t := types.NewPointer(obj.Type()); !slices.ContainsFunc(*known, func(u types.Type) bool { return types.Identical(t, u) }) {
					*known = append(*known, t)
				}
			}
		}
	}
}

func unvendored(path string) string {
	if _, after, ok := strings.Cut(path, "/vendor/"); ok {
		return after
	}
	return path
}

// index notes the functions of a package, and who calls what.
func (c *counter) index(p *packages.Package) {
	for _, f := range p.Syntax {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok {
				if _, known := c.funcs[fn.Name.Pos()]; known {
					continue
				}
				c.funcs[fn.Name.Pos()] = function{fn, p.TypesInfo}
			}
			if decl, ok := d.(*ast.GenDecl); ok {
				c.declared(p, decl)
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if v := variable(p.TypesInfo, n.Fun); v != nil {
						c.values[v.Origin().Pos()] = append(c.values[v.Origin().Pos()], call{n, fn, p.TypesInfo})
					}
					if obj := callee(p.TypesInfo, n); obj != nil && obj.Pos().IsValid() {
						c.calls[obj.Origin().Pos()] = append(c.calls[obj.Origin().Pos()], call{n, fn, p.TypesInfo})
						if recv := obj.Signature().Recv(); recv != nil && types.IsInterface(recv.Type()) {
							c.bound[obj.Name()] = append(c.bound[obj.Name()], obj)
						}
					}
				case *ast.CompositeLit:
					c.keeps(p.TypesInfo, fn, n)
				case *ast.AssignStmt:
					for i, l := range n.Lhs {
						if sel, ok := ast.Unparen(l).(*ast.SelectorExpr); ok && (len(n.Lhs) == len(n.Rhs) || i == 0) {
							c.keep(p.TypesInfo, fn, p.TypesInfo.ObjectOf(sel.Sel), n.Rhs[i])
						}
					}
				}
				return true
			})
		}
	}
}

// declared notes what the variables of a package are declared with.
func (c *counter) declared(p *packages.Package, decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		if spec, ok := spec.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
			for i, name := range spec.Names {
				c.vars[name.Pos()] = value{spec.Values[i], p.TypesInfo}
			}
		}
	}
}

func callee(info *types.Info, n *ast.CallExpr) *types.Func {
	fun := ast.Unparen(n.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = x.X
	case *ast.IndexListExpr:
		fun = x.X
	}
	var id *ast.Ident
	switch x := fun.(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return nil
	}
	fn, _ := info.ObjectOf(id).(*types.Func)
	return fn
}

// file counts the tries of one file.
func (c *counter) file(p *packages.Package, f *ast.File) {
	for _, d := range f.Decls {
		fn, _ := d.(*ast.FuncDecl)
		called := map[*ast.SelectorExpr]*ast.CallExpr{}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok {
					called[sel] = n
				}
				c.given(p, fn, n)
				c.named(p, fn, n)
			case *ast.CompositeLit:
				c.stored(p, fn, n)
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if len(n.Lhs) == len(n.Rhs) {
						c.placed(p, fn, l, n.Rhs[i])
					}
				}
			case *ast.SendStmt:
				c.placed(p, fn, n.Chan, n.Value)
			case *ast.SelectorExpr:
				c.selector(p, f, fn, n, called[n])
			}
			return true
		})
	}
}

func (c *counter) selector(p *packages.Package, file *ast.File, in *ast.FuncDecl, sel *ast.SelectorExpr, n *ast.CallExpr) {
	if c.found[sel.Sel.Pos()] {
		return
	}
	obj := p.TypesInfo.ObjectOf(sel.Sel)
	if obj == nil && n != nil && len(n.Args) == 1 && sel.Sel.Name == string(TryLock) && len(p.Errors)+len(p.TypeErrors) > 0 && c.imports(file) {
		c.found[sel.Sel.Pos()] = true
		c.out = append(c.out, Try{Kind: TryLock, Form: Call, Pos: sel.Sel.Pos(), Node: n, Func: in, Package: p, Unresolved: true})
		return
	}
	fn, ok := obj.(*types.Func)
	if !ok || fn.Signature().Recv() == nil {
		return
	}
	t := Try{Pos: sel.Sel.Pos(), Node: sel, Form: Value, Func: in, Package: p, Typed: len(p.TypeErrors) == 0}
	if s := p.TypesInfo.Selections[sel]; s != nil && s.Kind() == types.MethodExpr {
		t.Form = Expression
	}
	if n != nil {
		t.Node, t.Form = n, Call
	}
	recv := fn.Signature().Recv().Type()
	switch {
	case fn.Name() == "TryLock" && c.isClient(recv, c.paths.Concurrency, "Mutex"):
		t.Kind = TryLock
	case fn.Name() == "TryLock" && mayBe(c.mutex, p.TypesInfo, sel, recv):
		t.Kind, t.Dynamic = TryLock, true
	case fn.Name() == "Lock" && (c.isClient(recv, c.paths.Concurrency, "Mutex") || mayBe(c.mutex, p.TypesInfo, sel, recv)) && c.timedCall(p.TypesInfo, in, sel, n, 1):
		t.Kind, t.Dynamic = Lock, !c.isClient(recv, c.paths.Concurrency, "Mutex")
	case fn.Name() == "Campaign" && (c.isClient(recv, c.paths.Concurrency, "Election") || mayBe(c.elect, p.TypesInfo, sel, recv)) && c.timedCall(p.TypesInfo, in, sel, n, 2):
		t.Kind, t.Dynamic = Campaign, !c.isClient(recv, c.paths.Concurrency, "Election")
	case fn.Name() == "Commit" && n != nil && in != nil && c.isClient(recv, c.paths.Client, "Txn") && c.creates(p.TypesInfo, in, sel.X):
		t.Kind = Create
	case fn.Name() == "Do" && n != nil && len(n.Args) == 2 && fn.Signature().Params().Len() == 2 && (c.isClient(recv, c.paths.Client, "KV") || types.IsInterface(recv)) && c.isClient(fn.Signature().Params().At(1).Type(), c.paths.Client, "Op") && c.does(p.TypesInfo, in, n.Args[1]):
		t.Kind = Create
	default:
		return
	}
	c.found[t.Pos] = true
	c.out = append(c.out, t)
}

// imports reports whether a file imports package concurrency of a client.
func (c *counter) imports(f *ast.File) bool {
	return slices.ContainsFunc(f.Imports, func(spec *ast.ImportSpec) bool {
		path, err := strconv.Unquote(spec.Path.Value)
		return err == nil && slices.Contains(c.paths.Concurrency, path)
	})
}

// isClient reports whether t is, or points to, the type of that name of one of the packages.
func (c *counter) isClient(t types.Type, paths []string, name string) bool {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	named, ok := t.(*types.Named)
	return ok && named.Obj().Name() == name && named.Obj().Pkg() != nil && slices.Contains(paths, unvendored(named.Obj().Pkg().Path()))
}

// mayBe reports whether the method of an interface, or of a type parameter, may be that of one of
// some types.
func mayBe(some []types.Type, info *types.Info, sel *ast.SelectorExpr, recv types.Type) bool {
	t := recv
	if s := info.Selections[sel]; s != nil {
		if _, ok := types.Unalias(s.Recv()).(*types.TypeParam); ok {
			t = s.Recv()
		}
	}
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		t = p.Constraint()
	}
	iface, ok := t.Underlying().(*types.Interface)
	if !ok {
		return false
	}
	return slices.ContainsFunc(some, func(t types.Type) bool { return hasMethods(t, iface) })
}

// hasMethods reports whether t has all methods of an interface, which may demand more than
// methods of a type argument.
func hasMethods(t types.Type, iface *types.Interface) bool {
	set := types.NewMethodSet(t)
	for m := range iface.Methods() {
		sel := set.Lookup(m.Pkg(), m.Name())
		if sel == nil || !types.Identical(sel.Type(), m.Type()) {
			return false
		}
	}
	return true
}
