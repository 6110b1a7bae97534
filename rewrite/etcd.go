package rewrite

import (
	"go/types"
	pathpkg "path"
	"slices"
	"strings"
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
		out = append(out, strings.TrimSuffix(p, "/concurrency"))
	}
	return out
}

// concurrencyPath returns the import path of pkg if it is package concurrency of an
// etcd client, also below a GOPATH-style vendor directory.
func concurrencyPath(pkg *types.Package) (string, bool) {
	if pkg == nil {
		return "", false
	}
	path := pkg.Path()
	if i := strings.LastIndex(path, "/vendor/"); i >= 0 {
		path = path[i+len("/vendor/"):]
	}
	for _, p := range ConcurrencyPaths {
		if path == p {
			return p, true
		}
	}
	return "", false
}

// isMutex reports whether t is the client's concurrency.Mutex, not a pointer to it.
func isMutex(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Name() != "Mutex" {
		return false
	}
	_, ok = concurrencyPath(named.Obj().Pkg())
	return ok
}

func isMutexPtr(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isMutex(p.Elem())
}

// isConcurrencyObj reports whether obj is package concurrency's object of that name.
func isConcurrencyObj(obj types.Object, name string) bool {
	if obj == nil || obj.Name() != name {
		return false
	}
	_, ok := concurrencyPath(obj.Pkg())
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
	return isNamed(t, pathpkg.Join(p.in.ModulePath, p.in.HelperDir), "Mutex")
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
func isClientPath(path string) bool {
	if i := strings.LastIndex(path, "/vendor/"); i >= 0 {
		path = path[i+len("/vendor/"):]
	}
	return slices.Contains(ClientPaths, path)
}
