package modbump

import (
	"golang.org/x/mod/module"

	"etcdmod/internal/importpath"
)

// A provider is a module to require for a package that a bumped client imports, and that
// nothing provides: the go command would take the newest version there is, which neither the
// client nor the module was ever built with.
type provider struct {
	pkg string
	// whole is the module with the package that came first, at a version as old as those
	// that etcd 3.2 was built with: it requires little itself, so that little else moves.
	whole module.Version
	// part is the module that the package moved to, beside a sibling. Where the build
	// has the sibling the two come from one commit, since the whole would provide the
	// sibling's packages a second time.
	part, sibling string
}

var providers = []provider{
	{
		pkg:     "google.golang.org/genproto/googleapis/api",
		whole:   module.Version{Path: "google.golang.org/genproto", Version: "v0.0.0-20170731182057-09f6ed296fc6"},
		part:    "google.golang.org/genproto/googleapis/api",
		sibling: "google.golang.org/genproto/googleapis/rpc",
	},
	// grpc imports it from v1.3.0 on.
	{
		pkg:     "google.golang.org/genproto/googleapis/rpc",
		whole:   module.Version{Path: "google.golang.org/genproto", Version: "v0.0.0-20170731182057-09f6ed296fc6"},
		part:    "google.golang.org/genproto/googleapis/rpc",
		sibling: "google.golang.org/genproto/googleapis/api",
	},
	// What the client and grpc import besides, at the first release or, where there was none
	// in time, at what grpc v1.26.0 requires. All of it compiles with every grpc of the windows.
	{pkg: "github.com/golang/protobuf", whole: module.Version{Path: "github.com/golang/protobuf", Version: "v1.0.0"}},
	{pkg: "golang.org/x/net", whole: module.Version{Path: "golang.org/x/net", Version: "v0.0.0-20190311183353-d8887717615a"}},
	{pkg: "golang.org/x/text", whole: module.Version{Path: "golang.org/x/text", Version: "v0.3.0"}},
	// The v2 client beside 3.2 imports it, that beside 3.1 does not.
	{
		pkg:   "github.com/coreos/go-semver",
		whole: module.Version{Path: "github.com/coreos/go-semver", Version: "v0.2.0"},
	},
}

// Provide returns the requirement that provides a package, where the policy knows one.
// built gives the version of a module in the build list, "" for none.
func Provide(pkg string, built func(path string) string) (module.Version, bool) {
	for _, p := range providers {
		if !importpath.Within(pkg, p.pkg) {
			continue
		}
		if version := built(p.sibling); p.sibling != "" && version != "" {
			return module.Version{Path: p.part, Version: version}, true
		}
		if built(p.whole.Path) == "" {
			return p.whole, true
		}
	}
	return module.Version{}, false
}

// Provided returns the version of a module that [Provide] would require, where it knows one.
func Provided(path string) (version string, ok bool) {
	for _, p := range providers {
		if p.whole.Path == path {
			return p.whole.Version, true
		}
	}
	return "", false
}
