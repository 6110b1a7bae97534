package modbump

import (
	"fmt"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"etcdmod/internal/importpath"
)

// Options are what Plan knows besides the go.mod.
type Options struct {
	// All also bumps what is only reported without it.
	All bool
	// To are versions to bump to instead of those of the policy table. One without
	// a path is for every module for which it is a version that is safe.
	To []module.Version
	// Build is the build list, as far as it is about etcd. Nil means that it is not
	// known; then the requirements in the go.mod are judged as they stand.
	Build *BuildList
	// Missing are versions that cannot be had, with the words that say so; such a
	// version is passed over as a target.
	Missing map[module.Version]string
}

// A BuildList is what the go command selects for etcd's modules.
type BuildList struct {
	Modules []Selected
	// GRPC is the version of google.golang.org/grpc that is built; "" where it is not known.
	GRPC string
}

// A Selected is one module of the build list.
type Selected struct {
	module.Version
	// Replace is what is built in its place; the zero Version means nothing. A
	// directory has no Version.
	Replace module.Version
	// ReplacedIn is the file of the replace directive where that is not the go.mod.
	ReplacedIn string
	// Via are the modules through which a module comes that the go.mod does not
	// require: a requirement of the go.mod first.
	Via []module.Version
	// Linked says that a package of the module is built, Client that one of its
	// client packages is.
	Linked, Client bool
}

// find returns the module with a path; nil if it is not in the list, or there is no list.
func (b *BuildList) find(path string) *Selected {
	if b == nil {
		return nil
	}
	for i := range b.Modules {
		if b.Modules[i].Path == path {
			return &b.Modules[i]
		}
	}
	return nil
}

// ClientPackage reports whether an import path is one of the client that has the
// watches and locks, under any of etcd's module paths. The v2 client has neither.
func ClientPackage(path string) bool {
	return importpath.WithinAny(path, clientPackages)
}

// clientModule reports whether the client is in the module with a path.
func clientModule(path string) bool { return path != pathPkg }

// clientPackages are the packages of the client of each module path.
var clientPackages = []string{
	pathCoreOS + "/clientv3", pathGitHub + "/clientv3", pathRoot + "/clientv3", pathRootV3 + "/clientv3", pathClientV3,
}

// ParseTo reads a version to bump to, "v3.2.26" or "module@v3.2.26".
func ParseTo(text string) (module.Version, error) {
	path, version, ok := strings.Cut(text, "@")
	if !ok {
		path, version = "", text
	}
	switch {
	case path != "" && !KnownPath(path):
		return module.Version{}, fmt.Errorf("%s is not a module path of etcd's client", path)
	case !semver.IsValid(version) || semver.Canonical(version) != strings.TrimSuffix(version, "+incompatible"):
		return module.Version{}, fmt.Errorf("%q is not a full version; name one as v3.2.26 (\"latest\" of github.com/coreos/etcd is v2.3.8)", version)
	}
	if path != "" {
		version = incompatible(path, version)
		if err := module.Check(path, version); err != nil {
			return module.Version{}, err
		}
	}
	return module.Version{Path: path, Version: version}, nil
}

// incompatible gives a version the suffix that it has under a path without a major
// version in it.
func incompatible(path, version string) string {
	if path != pathCoreOS && path != pathGitHub && path != pathRoot {
		return version
	}
	if major := semver.Major(version); semver.Build(version) == "" && major != "v0" && major != "v1" {
		return version + "+incompatible"
	}
	return version
}

// targets are the versions to choose from for a module: those asked for, else those of
// the row.
func (o Options) targets(path string, row Row) []string {
	for _, to := range o.To {
		if to.Path == path {
			return []string{to.Version}
		}
	}
	for _, to := range o.To {
		version := incompatible(path, to.Version)
		if to.Path == "" && module.Check(path, version) == nil {
			return []string{version}
		}
	}
	return row.Targets
}

// ClientImports are the import paths of the packages that watch and lock.
func ClientImports() []string {
	var all []string
	for _, root := range clientPackages {
		all = append(all, root, root+"/concurrency")
	}
	return all
}

// ModuleOf returns the module path of etcd that an import path belongs to.
func ModuleOf(pkg string) (path string, ok bool) {
	for _, known := range []string{pathPkg, pathClientV3, pathRootV3, pathCoreOS, pathGitHub, pathRoot} {
		if importpath.Within(pkg, known) {
			// Other modules of today's etcd have paths below the root's.
			rest := strings.TrimPrefix(pkg, known)
			return known, known != pathRoot || !otherModule(rest)
		}
	}
	return "", false
}

// otherModule reports whether a path below go.etcd.io/etcd is that of a module of its own.
func otherModule(rest string) bool {
	for _, own := range []string{"/api/v3", "/client/v2", "/server/v3", "/raft/v3", "/pkg/v3", "/tests/v3", "/etcdctl/v3", "/etcdutl/v3"} {
		if importpath.Within(rest, own) {
			return true
		}
	}
	return false
}
