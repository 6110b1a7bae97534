package modbump

import (
	"strings"
	"testing"
)

// TestBlame: what the go command says of a go.mod is traced to its line.
func TestBlame(t *testing.T) {
	const gomod = `module m

go 1.99

require go.etcd.io/bbolt v1.3.5

replace (
	github.com/coreos/bbolt => go.etcd.io/bbolt v1.3.5
	example.com/a => example.com/a v1.0.0
	example.com/a => example.com/a v1.1.0
)
`
	for said, want := range map[string]string{
		"go: go.etcd.io/bbolt@v1.3.5 used for two different module paths (github.com/coreos/bbolt and go.etcd.io/bbolt)": "change line 8, which replaces github.com/coreos/bbolt: to another version than the one that is built of go.etcd.io/bbolt, or to a version of github.com/coreos/bbolt itself",
		"go: go.etcd.io/bbolt@v1.3.6 used for two different module paths (github.com/coreos/bbolt and go.etcd.io/bbolt)": "",
		"go: conflicting replacements for example.com/a:\n\texample.com/a@v1.0.0\n\texample.com/a@v1.1.0":                "keep one of the lines 9 and 10",
		"go: conflicting replacements for example.com/b:":                                                                "",
		"go: go.mod requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)":                                          "install go 1.99, or let the go command get it with GOTOOLCHAIN=auto; else lower line 3",
		"go: example.com/x@v1.0.0 requires go >= 1.99 (running go 1.26.8)":                                               "",
		"go: modules disabled by GO111MODULE=off; see 'go help modules'":                                                 "unset GO111MODULE, or set it to on",
		"build flag -mod=mod only valid when using modules":                                                              "unset GO111MODULE, or set it to on",
		"something else": "",
	} {
		if got := Blame([]byte(gomod), said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
	if got := Blame([]byte("module m\n<<<<<<<\n"), "go.mod requires go >= 1.99"); got != "" {
		t.Errorf("of a broken file: %q", got)
	}
	if got, want := BlameUntidy([]byte(gomod), nil), `run "go mod tidy"`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for gomod, want := range map[string]bool{"module m\n": true, "module m\n\ngo 1.11\n": true, "module m\n\ngo 1.12\n": false, "module m\n<<<\n": false} {
		if got := BlameChecksum([]byte(gomod), mods("example.com/a@v1.1.0")[0]); (got != "") != want || want && !strings.Contains(got, `"go mod download example.com/a@v1.1.0"`) {
			t.Errorf("%q: %q", gomod, got)
		}
	}
	untidy := []byte("module m\n\nrequire example.com/a v1.0.0\n")
	got := BlameUntidy(untidy, mods("example.com/a@v1.1.0", "example.com/b@v1.0.0", "example.com/c@v1.0.0", "example.com/d@v1.0.0", "example.com/e@v1.0.0"))
	want := `line 3 asks for example.com/a@v1.0.0, and v1.1.0 is needed, example.com/b@v1.0.0 is missing, example.com/c@v1.0.0 is missing, 2 more; run "go mod tidy"`
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
