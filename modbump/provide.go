package modbump

import (
	"strings"

	"golang.org/x/mod/module"
)

// A provider is a module to require for a package that a bumped client imports and an
// older one did not.
type provider struct {
	pkg string
	// whole is the module with the package that came first, at the version that etcd
	// 3.2 was built with: it requires nothing itself, so that nothing else moves.
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
		if pkg != p.pkg && !strings.HasPrefix(pkg, p.pkg+"/") {
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
