package modules

import (
	"fmt"
	"strings"

	"etcdmod/internal/goenv"
)

// GoFlags returns the flags that GOFLAGS gives to every go command that is run here.
func GoFlags(env []string) []string {
	kept, _ := goenv.Flags(goenv.Setting(env)("GOFLAGS"))
	return kept
}

// GoWorkSetting returns the setting of GOWORK: "", "auto", "off" or the name of a file.
func GoWorkSetting(env []string) string { return goenv.Setting(env)("GOWORK") }

// CheckModFile fails where GOFLAGS makes the go command build with another file than go.mod:
// to judge go.mod would be to judge what nobody builds.
func CheckModFile(env []string) error {
	for _, f := range GoFlags(env) {
		if name, ok := strings.CutPrefix(strings.TrimLeft(f, "-"), "modfile="); ok && name != "" {
			return fmt.Errorf("GOFLAGS has -modfile=%s: the go command builds with that file, and etcdmod judges, edits and verifies go.mod alone; run it without that flag, and where %s is to be edited, with a copy of it as go.mod", name, name)
		}
	}
	return nil
}
