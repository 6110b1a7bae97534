package source

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"etcdmod/internal/helper"
)

// ConcurrencyPaths are the import paths under which releases of etcd have shipped
// package concurrency. TryLock exists since 3.5.0, so only the first one has it in a
// release; the next two have it at some versions of the master branch.
var ConcurrencyPaths = []string{
	"go.etcd.io/etcd/client/v3/concurrency",
	"go.etcd.io/etcd/clientv3/concurrency",
	"go.etcd.io/etcd/v3/clientv3/concurrency",
	"github.com/coreos/etcd/clientv3/concurrency",
}

// ClientPaths are those of package clientv3 beside them.
var ClientPaths = clientPaths(ConcurrencyPaths)

func clientPaths(concurrency []string) (out []string) {
	for _, p := range concurrency {
		out = append(out, helper.Client(p))
	}
	return out
}

// Clients knows the packages that count as package concurrency of an etcd client: those of
// releases, and forks.
type Clients struct {
	Concurrency []string // import paths
	Clients     []string // import paths of package clientv3
}

// Released are those of releases alone.
var Released = newClients(nil)

func newClients(forks []Fork) *Clients {
	c := &Clients{slices.Clone(ConcurrencyPaths), slices.Clone(ClientPaths)}
	for _, f := range forks {
		c.Concurrency = append(c.Concurrency, f.Path)
		if f.client != "" && !slices.Contains(c.Clients, f.client) {
			c.Clients = append(c.Clients, f.client)
		}
	}
	return c
}

// ConcurrencyPath returns the import path of pkg if it is package concurrency of an
// etcd client.
func (c *Clients) ConcurrencyPath(pkg *types.Package) (string, bool) {
	if pkg == nil {
		return "", false
	}
	path := unvendored(pkg.Path())
	return path, slices.Contains(c.Concurrency, path)
}

// unvendored returns an import path without a GOPATH-style vendor directory.
func unvendored(path string) string {
	if i := strings.LastIndex(path, "/vendor/"); i >= 0 {
		path = path[i+len("/vendor/"):]
	}
	return path
}

// IsMutex reports whether t is the client's concurrency.Mutex, not a pointer to it.
func (c *Clients) IsMutex(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Name() != "Mutex" {
		return false
	}
	_, ok = c.ConcurrencyPath(named.Obj().Pkg())
	return ok
}

// IsMutexPtr reports whether t is a pointer to the client's concurrency.Mutex.
func (c *Clients) IsMutexPtr(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && c.IsMutex(p.Elem())
}

// IsConcurrencyObj reports whether obj is package concurrency's object of that name.
func (c *Clients) IsConcurrencyObj(obj types.Object, name string) bool {
	if obj == nil || obj.Name() != name {
		return false
	}
	_, ok := c.ConcurrencyPath(obj.Pkg())
	return ok
}

// IsHelperMutex reports whether t is the Mutex of the module's helper package, or a pointer
// to it.
func (p *Program) IsHelperMutex(t types.Type) bool {
	return IsNamed(t, p.In.HelperImport(), "Mutex")
}

// IsHelperFunc reports whether obj is the function of that name of the helper package.
func (p *Program) IsHelperFunc(obj types.Object, name string) bool {
	return IsObject(obj, p.In.HelperImport(), name)
}

// Served returns the import path of package concurrency that the helper package is for
// which there is already, or "".
func (p *Program) Served() string {
	if p.In.Helper != nil {
		return p.In.Helper.Client
	}
	has, err := helper.Describe(p.In.HelperFiles)
	if err != nil {
		return ""
	}
	return has.Concurrency
}

// MutexMethods are the methods that the helper's Mutex offers with the same meaning.
var MutexMethods = map[string]bool{
	"Lock": true, "TryLock": true, "Unlock": true, "Key": true, "IsOwner": true, "Header": true,
}

// HelperMethods are the methods that only the helper's Mutex has.
var HelperMethods = map[string]bool{
	"WatchLock": true, "WatchLockEvery": true, "WatchLockRetry": true, "Released": true,
	"LockWithin": true,
	"NewTicker":  true, "NewTimer": true, "After": true, "Tick": true, "Sleep": true,
}

// IsClientPath reports whether path is package clientv3 of some etcd client.
func (c *Clients) IsClientPath(path string) bool { return slices.Contains(c.Clients, unvendored(path)) }

// IsHelperTryLock reports whether call calls TryLock of the helper package.
func (p *Program) IsHelperTryLock(f *File, call *ast.CallExpr) bool {
	fn, ok := f.Callee(call).(*types.Func)
	return ok && fn.Name() == "TryLock" && fn.Signature().Recv() != nil && p.IsHelperMutex(fn.Signature().Recv().Type())
}

// ClientPath returns the import path of a package of a client, wherever that is vendored.
func (c *Clients) ClientPath(pkg *types.Package) string { return unvendored(pkg.Path()) }

// IsWatchChan reports whether t is clientv3.WatchChan of some etcd client.
func (c *Clients) IsWatchChan(t types.Type) bool {
	var obj *types.TypeName
	switch t := t.(type) {
	case *types.Named:
		obj = t.Obj()
	case *types.Alias:
		obj = t.Obj()
	}
	return obj != nil && obj.Name() == "WatchChan" && obj.Pkg() != nil && c.IsClientPath(obj.Pkg().Path())
}

// MutexesIn returns the fields by which values of type t embed the mutex.
func (c *Clients) MutexesIn(t types.Type, seen map[types.Type]bool) (out []*types.Var) {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	st, ok := Under(t).(*types.Struct)
	if !ok || seen[t] || c.IsMutex(t) {
		return nil
	}
	seen[t] = true
	for i := 0; i < st.NumFields(); i++ {
		v := st.Field(i)
		switch {
		case !v.Embedded():
		case c.IsMutex(v.Type()) || c.IsMutexPtr(v.Type()):
			out = append(out, v.Origin())
		default:
			out = append(out, c.MutexesIn(v.Type(), seen)...)
		}
	}
	return out
}

// IsLeaseID reports whether t is clientv3.LeaseID of some etcd client.
func (c *Clients) IsLeaseID(t types.Type) bool {
	named, ok := t.(*types.Named)
	return ok && named.Obj().Name() == "LeaseID" && named.Obj().Pkg() != nil && c.IsClientPath(named.Obj().Pkg().Path())
}

// Tried returns the expression whose TryLock is called, or nil.
func (f *File) Tried(call *ast.CallExpr) ast.Expr {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	switch {
	case !ok || sel.Sel.Name != "TryLock":
		return nil
	case f.MethodExpr(sel) && len(call.Args) > 0:
		return ast.Unparen(call.Args[0])
	}
	return ast.Unparen(sel.X)
}

// MethodExpr reports whether sel is a method expression such as (*concurrency.Mutex).TryLock.
func (f *File) MethodExpr(sel *ast.SelectorExpr) bool {
	s := f.Pkg.TypesInfo.Selections[sel]
	return s != nil && s.Kind() == types.MethodExpr && f.IsMutexPtr(s.Recv()) && MutexMethods[sel.Sel.Name]
}

// IsTryLock reports whether call calls (*concurrency.Mutex).TryLock.
func (f *File) IsTryLock(call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "TryLock" {
		return false
	}
	fn, ok := f.ObjectOf(sel.Sel).(*types.Func)
	if !ok {
		return false
	}
	recv := fn.Signature().Recv()
	return recv != nil && f.IsMutexPtr(recv.Type()) && f.Pkg.TypesInfo.Selections[sel] != nil
}

// NamesLock reports whether sel names a method like Lock of an etcd mutex.
func (f *File) NamesLock(sel *ast.SelectorExpr) bool {
	fn, ok := f.ObjectOf(sel.Sel).(*types.Func)
	return ok && fn.Name() == "Lock" && fn.Signature().Recv() != nil && fn.Signature().Results().Len() == 1 && IsError(fn.Signature().Results().At(0).Type())
}

// IsTxnResponse reports whether t is *clientv3.TxnResponse of some etcd client.
func (c *Clients) IsTxnResponse(t types.Type) bool {
	if t == nil {
		return false
	}
	p, ok := types.Unalias(t).(*types.Pointer)
	if !ok {
		return false
	}
	var obj *types.TypeName // the client's name for it, or that of the package that it is from
	switch e := p.Elem().(type) {
	case *types.Named:
		obj = e.Obj()
	case *types.Alias:
		obj = e.Obj()
	default:
		return false
	}
	if obj.Pkg() == nil {
		return false
	}
	path := obj.Pkg().Path()
	return obj.Name() == "TxnResponse" && (c.IsClientPath(path) || strings.HasSuffix(path, "/etcdserverpb"))
}

// IsClientCall reports whether call is of the function, or method, of that name of package
// clientv3 of some etcd client.
func (f *File) IsClientCall(call *ast.CallExpr, name string) bool {
	fn, ok := f.Callee(call).(*types.Func)
	return ok && fn.Name() == name && fn.Pkg() != nil && f.IsClientPath(fn.Pkg().Path())
}
