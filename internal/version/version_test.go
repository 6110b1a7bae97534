package version

import (
	"runtime/debug"
	"testing"
)

// The commit is told where the go command has stamped it, and that it was not all that was built.
func TestFull(t *testing.T) {
	for _, tc := range []struct {
		revision, modified, want string
	}{
		{"", "", Version + " go1.26.0"},
		{"0123abcd", "false", Version + " (commit 0123abcd) go1.26.0"},
		{"0123abcd", "true", Version + " (commit 0123abcd, with changes) go1.26.0"},
	} {
		info := &debug.BuildInfo{GoVersion: "go1.26.0", Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: tc.revision}, {Key: "vcs.modified", Value: tc.modified},
		}}
		if got := full(info); got != tc.want {
			t.Errorf("commit %q, modified %q: %q, want %q", tc.revision, tc.modified, got, tc.want)
		}
	}
}
