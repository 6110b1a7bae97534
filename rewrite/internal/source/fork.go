package source

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/finding"
)

// Forks.
//
// The helper reads the keys that the client's Mutex writes: the name with a slash, and the
// lease in hex. That a fork still writes them so is proved by its source. The functions
// that decide it have been the same, but for comments, in every version of etcd that has
// TryLock, from its first one in 2019 to 3.8.0-alpha.0; a fork must have them as they are.

// proved are the SHA-256 sums of these functions, as canonical prints them.
var proved = map[string]string{
	"NewMutex":         "554806696907678acfe384ca3d702abf1415dd8379f120610eadc848933d724d",
	"Mutex.TryLock":    "e3df0213b63b947c586dc200b1076d6d2a93ad73f3a62e12982f8a87a590e9c8",
	"Mutex.tryAcquire": "f5d9522698238ff6ff2b403196514536f97d2ec157dc38562471399df888cfd7",
}

// needed are what the helper uses besides.
var needed = map[string][]string{
	"":        {"ErrLocked", "ErrSessionExpired", "NewMutex", "Mutex", "Session"},
	"Mutex":   {"Lock", "TryLock", "Unlock", "Key", "IsOwner", "Header"},
	"Session": {"Client", "Lease", "Done"},
}

// settled returns the input with what its packages show of the forks: the client that they
// are for, and which of the guessed ones are none.
func (in *Input) settled() *Input {
	if len(in.Forks) == 0 {
		return in
	}
	own := *in
	own.Forks = nil
	packages := slices.Clone(in.Packages)
	for _, c := range in.Also {
		packages = append(packages, c.Packages...)
	}
	for _, f := range in.Forks {
		pkg := imported(packages, f.Path)
		if f.Guessed && (pkg == nil || !resembles(pkg)) {
			continue
		}
		if pkg != nil {
			f.client = clientOf(pkg)
		}
		own.Forks = append(own.Forks, f)
	}
	return &own
}

// imported returns the package of that path that one of the packages imports, or is.
func imported(packages []*packages.Package, path string) *types.Package {
	for _, p := range packages {
		if p.Types == nil {
			continue
		}
		for _, imp := range append(p.Types.Imports(), p.Types) {
			if unvendored(imp.Path()) == path {
				return imp
			}
		}
	}
	return nil
}

// resembles reports whether a package has what makes a package concurrency: mutexes that
// are made of sessions of a client, and tried.
func resembles(pkg *types.Package) bool {
	return member(pkg, "", "NewMutex") != nil && member(pkg, "", "Mutex") != nil && member(pkg, "Mutex", "TryLock") != nil &&
		member(pkg, "", "Session") != nil && clientOf(pkg) != ""
}

// IsFork reports whether path is a package that counts as a fork.
func (p *Program) IsFork(path string) bool {
	return slices.ContainsFunc(p.In.Forks, func(f Fork) bool { return f.Path == path })
}

// HasCode reports whether one of the reasons has the code.
func HasCode(reasons []finding.Reason, code finding.Code) bool {
	return slices.ContainsFunc(reasons, func(r finding.Reason) bool { return r.Code == code })
}

// ClientBeside returns the import path of the client that the sessions of a package
// concurrency have, where that is not the package above it.
func (p *Program) ClientBeside(path string) string {
	if pkg := p.packageAt(path); pkg != nil && p.IsFork(path) {
		return clientOf(pkg)
	}
	return ""
}

// ForkDiffers says why the helper cannot stand in for the Mutex of a fork, or returns nil.
func (p *Program) ForkDiffers(path string) *finding.Reason {
	differs := func(format string, args ...any) *finding.Reason {
		return &finding.Reason{Code: finding.ForkDiffers, Detail: path + ": " + fmt.Sprintf(format, args...)}
	}
	pkg := p.packageAt(path)
	if pkg == nil {
		return differs("it could not be loaded")
	}
	for _, owner := range sortedKeys(needed) {
		for _, name := range needed[owner] {
			if member(pkg, owner, name) == nil {
				return differs("it has no %s", strings.TrimPrefix(owner+"."+name, "."))
			}
		}
	}
	if clientOf(pkg) == "" {
		return differs("Session.Client returns no client of a package")
	}
	i := slices.IndexFunc(p.In.Forks, func(f Fork) bool { return f.Path == path })
	sums := canonical(p.In.Forks[i].Sources)
	for _, name := range sortedKeys(proved) {
		switch sum := sums[name]; {
		case sum == "":
			return differs("the source of %s was not found", name)
		case sum != proved[name]:
			if what := strange(p.In.Forks[i].Sources); what != "" {
				return differs("%s", what)
			}
			return differs("its %s is not that of etcd", name)
		}
	}
	if what := strange(p.In.Forks[i].Sources); what != "" {
		return differs("%s", what)
	}
	if pkg.Name() != "concurrency" { // the helper imports it by that name
		return differs("its name is %s", pkg.Name())
	}
	return nil
}

// strange says what the mutex of a fork does with its keys that etcd's does not, or returns
// "" where that is not plain to see.
func strange(sources map[string][]byte) (what string) {
	for _, name := range sortedKeys(sources) {
		f, err := parser.ParseFile(token.NewFileSet(), name, sources[name], parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || receiver(fn) != "Mutex." {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || what != "" {
					return what == ""
				}
				var called string
				switch fun := call.Fun.(type) {
				case *ast.SelectorExpr:
					called = fun.Sel.Name
				case *ast.Ident:
					called = fun.Name
				}
				switch {
				case called == "OpPut" && len(call.Args) > 1 && !isEmptyString(call.Args[1]):
					what = "it writes a value into its key"
				case called == "WithPrefix" && fn.Name.Name == "Unlock":
					what = "Unlock deletes by prefix"
				case called == "OpPut" && !mentionsName(call, "WithLease"):
					what = "its key has no lease"
				}
				return what == ""
			})
		}
	}
	return what
}

func isEmptyString(e ast.Expr) bool {
	lit, ok := e.(*ast.BasicLit)
	return ok && lit.Kind == token.STRING && len(lit.Value) == 2
}

// mentionsName reports whether a name occurs in n.
func mentionsName(n ast.Node, name string) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name
		return !found
	})
	return found
}

// HasTryLock reports whether the mutex of the package concurrency of that path has TryLock, which
// the helper package needs.
func (p *Program) HasTryLock(path string) bool {
	pkg := p.packageAt(path)
	return pkg != nil && member(pkg, "Mutex", "TryLock") != nil
}

// packageAt returns the package of that path as the program sees it.
func (p *Program) packageAt(path string) *types.Package {
	for _, f := range p.Files {
		if f.Pkg.Types == nil {
			continue
		}
		for _, imp := range f.Pkg.Types.Imports() {
			if unvendored(imp.Path()) == path {
				return imp
			}
		}
	}
	return nil
}

// member returns the object of that name of a package, or of a type of it.
func member(pkg *types.Package, owner, name string) types.Object {
	if owner == "" {
		return pkg.Scope().Lookup(name)
	}
	obj := pkg.Scope().Lookup(owner)
	if obj == nil {
		return nil
	}
	found, _, _ := types.LookupFieldOrMethod(types.NewPointer(obj.Type()), true, pkg, name)
	return found
}

// clientOf returns the import path of the client that sessions of a package have, or "".
func clientOf(pkg *types.Package) string {
	fn, ok := member(pkg, "Session", "Client").(*types.Func)
	if !ok || fn.Signature().Results().Len() != 1 {
		return ""
	}
	ptr, ok := types.Unalias(fn.Signature().Results().At(0).Type()).(*types.Pointer)
	if !ok {
		return ""
	}
	named, ok := types.Unalias(ptr.Elem()).(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return ""
	}
	return unvendored(named.Obj().Pkg().Path())
}

// canonical returns the sums of the functions and methods of a package: without comments
// and positions, and with one name for package clientv3.
func canonical(sources map[string][]byte) map[string]string {
	sums := map[string]string{}
	for _, name := range sortedKeys(sources) {
		f, err := parser.ParseFile(token.NewFileSet(), name, sources[name], parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		local := clientName(f)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if id, ok := sel.X.(*ast.Ident); ok && id.Name == local {
						id.Name = "v3"
					}
				}
				return true
			})
			var b bytes.Buffer
			if printer.Fprint(&b, token.NewFileSet(), fn) == nil {
				sums[receiver(fn)+fn.Name.Name] = fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))
			}
		}
	}
	return sums
}

// clientName returns the name by which a file calls package clientv3.
func clientName(f *ast.File) string {
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !strings.HasSuffix(path, "/clientv3") && !strings.HasSuffix(path, "/client/v3") {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return "clientv3"
	}
	return "v3"
}

// receiver returns "T." for a method of T or *T.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) != 1 {
		return ""
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}
