package gosum

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"etcdmod/internal/finding"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	for _, test := range []struct{ name, old, add, want string }{
		{"nothing to nothing", "", "", ""},
		{"to nothing", "", "a v1.0.0 h1:x=\n", "a v1.0.0 h1:x=\n"},
		{"first", "b v1.0.0 h1:x=\n", "a v1.0.0 h1:x=\n", "a v1.0.0 h1:x=\nb v1.0.0 h1:x=\n"},
		{"last", "a v1.0.0 h1:x=\n", "b v1.0.0 h1:x=\n", "a v1.0.0 h1:x=\nb v1.0.0 h1:x=\n"},
		{"versions are numbers", "a v1.9.0 h1:x=\na v1.11.0 h1:x=\n", "a v1.10.0 h1:x=\n", "a v1.9.0 h1:x=\na v1.10.0 h1:x=\na v1.11.0 h1:x=\n"},
		{"module before its go.mod", "a v1.0.0/go.mod h1:x=\n", "a v1.0.0 h1:x=\n", "a v1.0.0 h1:x=\na v1.0.0/go.mod h1:x=\n"},
		{"no final newline", "a v1.0.0 h1:x=", "b v1.0.0 h1:x=\n", "a v1.0.0 h1:x=\nb v1.0.0 h1:x=\n"},
		{"CRLF", "a v1.0.0 h1:x=\r\nc v1.0.0 h1:x=", "b v1.0.0 h1:x=\nd v1.0.0 h1:x=\n", "a v1.0.0 h1:x=\r\nb v1.0.0 h1:x=\r\nc v1.0.0 h1:x=\r\nd v1.0.0 h1:x=\r\n"},
		{"out of order, blank and odd lines", "c v1.0.0 h1:x=\n\nodd\na v1.0.0 h1:x=\n", "b v1.0.0 h1:x=\n", "b v1.0.0 h1:x=\nc v1.0.0 h1:x=\n\nodd\na v1.0.0 h1:x=\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := merge([]byte(test.old), missing(entries([]byte(test.add)), nil))
			if d := cmp.Diff(test.want, string(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// FuzzMerge: the old bytes stay in order, and all that was missing is there.
func FuzzMerge(f *testing.F) {
	f.Add([]byte("a v1.0.0 h1:x=\r\nc v1.0.0 h1:x="), []byte("b v1.0.0 h1:x=\n"))
	f.Fuzz(func(t *testing.T, old, add []byte) {
		added := missing(entries(add), entries(old))
		got := merge(old, slices.Clone(added))
		rest := got
		for _, e := range added {
			i := bytes.Index(rest, []byte(e.String()))
			if i < 0 {
				t.Fatalf("%v is missing or out of order in %q", e, got)
			}
		}
		if len(added) == 0 && !bytes.Equal(got, old) {
			t.Fatalf("%q became %q", old, got)
		}
		// Taking the added lines out gives the old lines.
		var kept []string
		for line := range strings.Lines(string(got)) {
			if e, ok := parseEntry([]byte(line)); !ok || !slices.Contains(added, e) {
				kept = append(kept, line)
			}
		}
		back := strings.Join(kept, "")
		if !strings.HasPrefix(back, string(old)) || strings.TrimSpace(back[len(old):]) != "" {
			t.Fatalf("%q without what was added is %q, not %q", got, back, old)
		}
	})
}

func TestClassify(t *testing.T) {
	for _, test := range []struct {
		text string
		want finding.Code
	}{
		{"go: example.com/extra@v1.1.0: module lookup disabled by GOPROXY=off", ReasonUnavailable},
		{"github.com/coreos/etcd@v3.2.99+incompatible: reading http://proxy/x.info: 403 Forbidden\n\tserver response: no", ReasonUnavailable},
		{"go: example.com/a@v1.0.0: unrecognized import path \"example.com/a\"", ReasonUnavailable},
		{"go: downloading example.com/a v1.0.0\nverifying example.com/a@v1.0.0: checksum mismatch\n\tdownloaded: h1:a\n\tgo.sum: h1:b", ReasonChecksum},
		{"verifying example.com/a@v1.0.0/go.mod: checksum mismatch", ReasonChecksum},
		{"go: example.com/a@v1.0.0 (replaced by example.com/b@v1.1.0): verifying go.mod: example.com/b@v1.1.0/go.mod: reading http://proxy/sumdb/x: 404 Not Found", ReasonUnavailable},
		{"go: example.com/a@v1.0.0 requires\n\texample.com/b@v1.1.0 (replaced by example.com/c@v1.2.0): reading http://proxy/x.mod: 403 Forbidden", ReasonUnavailable},
		{"go: example.com/a@v1.0.0 requires\n\texample.com/b@v1.1.0: missing go.sum entry for go.mod file; to add it:\n\tgo mod download example.com/b", ""},
		{"go: example.com/extra@v1.1.0: missing go.sum entry for go.mod file; to add it:\n\tgo mod download example.com/extra", ""},
		{"cannot find module providing package a/b: module a/b: reading http://proxy/list: 404 Not Found", ""},
		{"go: updates to go.mod needed", ""},
		{"", ""},
	} {
		if got := Reason(classify(test.text)); got != test.want {
			t.Errorf("%q is %q, want %q", test.text, got, test.want)
		}
	}
}
