package rewrite

import "etcdmod/rewrite/internal/source"

// What a module is handed over in.
type (
	// An Input is one module, loaded with syntax and types.
	Input = source.Input
	// A Configuration is a module as one build configuration sees it.
	Configuration = source.Configuration
	// A Neighbour is a package of another module that imports one of this module.
	Neighbour = source.Neighbour
	// A Fork is a package that a user has named as a fork of package concurrency.
	Fork = source.Fork
	// A Helper is a helper package that etcdmod has generated before.
	Helper = source.Helper
	// A Strategy says what a collapse waits with.
	Strategy = source.Strategy
	// An ExportedAPI says what becomes of exported declarations.
	ExportedAPI = source.ExportedAPI
)

// The strategies, and what becomes of exported declarations.
const (
	WatchStrategy   = source.WatchStrategy
	LockStrategy    = source.LockStrategy
	RefuseExported  = source.RefuseExported
	RewriteExported = source.RewriteExported
)

// ParseStrategy is the inverse of [Strategy.String].
func ParseStrategy(name string) (Strategy, bool) { return source.ParseStrategy(name) }

// ParseExportedAPI is the inverse of [ExportedAPI.String].
func ParseExportedAPI(name string) (ExportedAPI, bool) { return source.ParseExportedAPI(name) }

// ConcurrencyPaths are the import paths under which releases of etcd have shipped package
// concurrency, and ClientPaths those of package clientv3 beside them.
var (
	ConcurrencyPaths = source.ConcurrencyPaths
	ClientPaths      = source.ClientPaths
)
