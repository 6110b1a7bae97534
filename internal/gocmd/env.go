package gocmd

import (
	"fmt"
	"path/filepath"

	"etcdmod/internal/goenv"
	"etcdmod/internal/pipes"
	"etcdmod/internal/rooted"
)

// Dropped returns the flags of GOFLAGS that the commands of the Runner do not get.
func (r Runner) Dropped() []string {
	_, dropped := goenv.Flags(goenv.Setting(r.Env)("GOFLAGS"))
	return dropped
}

// Check reports settings with which go commands would write below the directory that they
// run in, or do what a file there says: names that are relative.
func (r Runner) Check() error {
	get := goenv.Setting(r.Env)
	if file := get("GOENV"); file != "" && file != "off" {
		if !filepath.IsAbs(file) {
			return fmt.Errorf("GOENV=%s is relative, so that the go command would take its settings from the module that it looks at; give it the name of a file from the root on, or unset it", file)
		}
		if err := pipes.Unfit(file, rooted.Setting); err != nil {
			return fmt.Errorf("GOENV: %w", err)
		}
	}
	for _, key := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOTMPDIR", "GOBIN"} {
		value := get(key)
		for _, dir := range filepath.SplitList(value) {
			if dir != "" && !filepath.IsAbs(dir) && (key != "GOCACHE" || dir != "off") {
				return fmt.Errorf("%s=%s is relative, so that the go command would write into the module that it looks at; give it the name of a directory from the root on, or unset it", key, value)
			}
		}
	}
	return nil
}
