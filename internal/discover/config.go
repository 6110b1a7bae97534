package discover

import (
	"go/build"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// settings returns what "go env" would say of a variable that has no default worth
// knowing here: from the environment, else from the file that "go env -w" writes.
func settings(env []string) func(key string) string {
	if env == nil {
		env = os.Environ()
	}
	vars := pairs(env)
	saved := map[string]string{}
	if name := goenvFile(vars["GOENV"]); name != "" {
		if data, err := os.ReadFile(name); err == nil {
			saved = pairs(strings.Split(string(data), "\n"))
		}
	}
	return func(key string) string {
		if v := vars[key]; v != "" {
			return v
		}
		return saved[key]
	}
}

func pairs(lines []string) map[string]string {
	out := map[string]string{}
	for _, line := range lines {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\r"), "="); ok {
			out[k] = v
		}
	}
	return out
}

func goenvFile(setting string) string {
	switch setting {
	case "off":
		return ""
	case "":
		dir, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		return filepath.Join(dir, "go", "env")
	}
	return setting
}

// GoFlags returns the flags that GOFLAGS gives to every go command. Flags in quotes are
// not told apart: none that matter here needs them.
func GoFlags(env []string) []string { return strings.Fields(settings(env)("GOFLAGS")) }

// GoWork returns the setting of GOWORK: "", "auto", "off" or the name of a file.
func GoWork(env []string) string { return settings(env)("GOWORK") }

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
