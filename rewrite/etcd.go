package rewrite

import (
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

// clients knows the packages that count as package concurrency of an etcd client: those of
// releases, and the forks that a user has named.
type clients struct {
	paths  []string // import paths
	beside []string // import paths of package clientv3
}

// released are those of releases alone.
var released = newClients(nil)

func newClients(forks []Fork) *clients {
	c := &clients{slices.Clone(ConcurrencyPaths), slices.Clone(ClientPaths)}
	for _, f := range forks {
		c.paths = append(c.paths, f.Path)
		c.beside = append(c.beside, helper.Client(f.Path))
	}
	return c
}

// concurrencyPath returns the import path of pkg if it is package concurrency of an
// etcd client.
func (c *clients) concurrencyPath(pkg *types.Package) (string, bool) {
	if pkg == nil {
		return "", false
	}
	path := unvendored(pkg.Path())
	return path, slices.Contains(c.paths, path)
}

// unvendored returns an import path without a GOPATH-style vendor directory.
func unvendored(path string) string {
	if i := strings.LastIndex(path, "/vendor/"); i >= 0 {
		path = path[i+len("/vendor/"):]
	}
	return path
}

// isMutex reports whether t is the client's concurrency.Mutex, not a pointer to it.
func (c *clients) isMutex(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Name() != "Mutex" {
		return false
	}
	_, ok = c.concurrencyPath(named.Obj().Pkg())
	return ok
}

func (c *clients) isMutexPtr(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && c.isMutex(p.Elem())
}

// isConcurrencyObj reports whether obj is package concurrency's object of that name.
func (c *clients) isConcurrencyObj(obj types.Object, name string) bool {
	if obj == nil || obj.Name() != name {
		return false
	}
	_, ok := c.concurrencyPath(obj.Pkg())
	return ok
}

// isPkgFunc reports whether obj is the function or variable name of the package path.
func isPkgObj(obj types.Object, path, name string) bool {
	return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == path && obj.Name() == name
}

// isNamed reports whether t is the named type path.name, or a pointer to it.
func isNamed(t types.Type, path, name string) bool {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, ok := t.(*types.Named)
	return ok && isPkgObj(n.Obj(), path, name)
}

// isHelperMutex reports whether t is the Mutex of the module's helper package, or a pointer
// to it.
func (p *program) isHelperMutex(t types.Type) bool {
	return isNamed(t, p.in.helperImport(), "Mutex")
}

// served returns the import path of package concurrency that the helper package is for
// which there is already, or "".
func (p *program) served() string {
	if p.in.Helper != nil {
		return p.in.Helper.Client
	}
	has, err := helper.Describe(p.in.HelperFiles)
	if err != nil {
		return ""
	}
	return has.Concurrency
}

// mutexMethods are the methods that the helper's Mutex offers with the same meaning.
var mutexMethods = map[string]bool{
	"Lock": true, "TryLock": true, "Unlock": true, "Key": true, "IsOwner": true, "Header": true,
}

// helperMethods are the methods that only the helper's Mutex has.
var helperMethods = map[string]bool{
	"WatchLock": true, "WatchLockEvery": true, "WatchLockRetry": true, "Released": true,
	"NewTicker": true, "NewTimer": true, "After": true, "Tick": true, "Sleep": true,
}

// isClientPath reports whether path is package clientv3 of some etcd client.
func (c *clients) isClientPath(path string) bool { return slices.Contains(c.beside, unvendored(path)) }
