package modbump

import (
	"fmt"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

const grpcPath = "google.golang.org/grpc"

// A Window says with which versions of google.golang.org/grpc a range of client
// releases compiles. Each bound was found by compiling a program that locks.
type Window struct {
	Releases Range
	// Min and Max compile; Max is "" where no upper bound is known.
	Min, Max string
	// Raise are the versions to raise a lower one to, in the order in which to try them.
	Raise []string
	// Pin is the version to require where none is built, and to replace a higher one with.
	Pin string
}

// windows is the table. The go.mod of these releases, where there is one, does not say
// so: what grpc removed in a minor release (package naming, type Address, balancer
// options) is not visible to minimal version selection.
var windows = map[string][]Window{
	pathCoreOS: {
		{Releases: Range{"v3.2.0-0", "v3.2.10"}, Min: "v1.2.1", Max: "v1.5.2", Raise: []string{"v1.2.1", "v1.5.1"}, Pin: "v1.5.1"},
		{Releases: Range{"v3.2.10", "v3.3.14"}, Min: "v1.5.1", Max: "v1.29.1", Raise: []string{"v1.5.1", "v1.7.5"}, Pin: "v1.26.0"},
		{Releases: Range{"v3.3.14", "v3.4.0-0"}, Min: "v1.23.1", Max: "v1.26.0", Raise: []string{"v1.23.1", "v1.26.0"}, Pin: "v1.26.0"},
	},
	pathRoot: {
		{Releases: Range{"v3.4.0-0", "v3.4.28"}, Min: "v1.23.1", Max: "v1.29.1", Pin: "v1.26.0"},
		{Releases: Range{"v3.4.28", "v3.5.0-0"}, Min: "v1.58.3"},
	},
	pathClientV3: {
		{Releases: Range{"v3.5.0-0", "v3.5.10"}, Max: "v1.63.3", Pin: "v1.58.3"},
	},
}

// windowOf returns the window of a version, if there is one.
func windowOf(path, version string) (Window, bool) {
	release := identify(version).release
	for _, w := range windows[path] {
		if release != "" && w.Releases.hasRelease(release) {
			return w, true
		}
	}
	return Window{}, false
}

// holds reports whether a version of grpc is in the window.
func (w Window) holds(grpc string) bool {
	return (w.Min == "" || semver.Compare(grpc, w.Min) >= 0) && (w.Max == "" || semver.Compare(grpc, w.Max) <= 0)
}

func (w Window) String() string {
	switch {
	case w.Max == "":
		return w.Min + " and newer"
	case w.Min == "":
		return "up to " + w.Max
	}
	return w.Min + " to " + w.Max
}

// GRPC says what a target needs of grpc and whether the build has it: one line of the
// plan, or "". Fits is false where the target is known not to compile with what is built;
// then pin is the directive that would help.
func GRPC(mod module.Version, built string) (line string, fits bool, pin string) {
	w, ok := windowOf(mod.Path, mod.Version)
	if !ok {
		return "", true, ""
	}
	if built == "" {
		return fmt.Sprintf("%s compiles with %s %s", mod, grpcPath, w), true, ""
	}
	if w.holds(built) {
		return fmt.Sprintf("%s compiles with %s %s; %s is built", mod, grpcPath, w, built), true, ""
	}
	if mod.Path != pathCoreOS && semver.Compare(built, w.Min) < 0 {
		// Its go.mod asks for as much as it needs, if not for as little as it bears.
		return fmt.Sprintf("%s compiles with %s %s, and raises it above %s", mod, grpcPath, w, built), true, ""
	}
	line = fmt.Sprintf("%s compiles with %s %s, and %s is built", mod, grpcPath, w, built)
	switch {
	case semver.Compare(built, w.Min) < 0:
		pin = fmt.Sprintf("require %s %s", grpcPath, w.Min)
		line += "; go.mod needs \"" + pin + "\""
	case w.Pin != "":
		pin = replaceDirective(module.Version{Path: grpcPath, Version: w.Pin})
		line += "; go.mod needs \"" + pin + "\""
	}
	return line, false, pin
}
