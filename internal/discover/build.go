package discover

import (
	"go/build"
	"runtime"
	"strings"
)

// buildContext returns the build configuration of the environment.
func buildContext(env func(string) string, tags []string) *build.Context {
	ctx := build.Default
	if v := env("GOOS"); v != "" {
		ctx.GOOS = v
	}
	if v := env("GOARCH"); v != "" {
		ctx.GOARCH = v
	}
	switch env("CGO_ENABLED") {
	case "0":
		ctx.CgoEnabled = false
	case "1":
		ctx.CgoEnabled = true
	default:
		if ctx.GOOS != runtime.GOOS || ctx.GOARCH != runtime.GOARCH {
			ctx.CgoEnabled = false // a cross build
		}
	}
	if len(tags) == 0 { // flags of a command override GOFLAGS
		for _, flag := range strings.Fields(env("GOFLAGS")) {
			if list, ok := strings.CutPrefix(strings.TrimLeft(flag, "-"), "tags="); ok {
				tags = strings.Split(list, ",")
			}
		}
	}
	ctx.BuildTags = append(append([]string(nil), ctx.BuildTags...), tags...)
	return &ctx
}
