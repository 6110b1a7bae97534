// Package version says which version of etcdmod this is.
package version

import "runtime/debug"

// Version is the version of etcdmod, as it stands in the header of every generated
// file. A release changes it here and nowhere else.
const Version = "v0.1.0"

// Full is the version with the commit that the program was built from, where the go command
// knew it, and the version of Go.
func Full() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Version
	}
	return full(info)
}

func full(info *debug.BuildInfo) string {
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	text := Version
	if commit := set["vcs.revision"]; commit != "" {
		text += " (commit " + commit
		if set["vcs.modified"] == "true" {
			text += ", with changes"
		}
		text += ")"
	}
	return text + " " + info.GoVersion
}
