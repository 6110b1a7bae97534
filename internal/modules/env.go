package modules

import "etcdmod/internal/gocmd"

// GoFlags returns the flags that GOFLAGS gives to every go command that is run here.
func GoFlags(env []string) []string {
	kept, _ := gocmd.Flags(gocmd.Setting(env)("GOFLAGS"))
	return kept
}

// GoWorkSetting returns the setting of GOWORK: "", "auto", "off" or the name of a file.
func GoWorkSetting(env []string) string { return gocmd.Setting(env)("GOWORK") }
