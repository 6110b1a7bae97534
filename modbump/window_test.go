package modbump

import (
	"strings"
	"testing"

	"golang.org/x/mod/module"
)

// TestGRPC: the windows that were found by compiling.
func TestGRPC(t *testing.T) {
	for _, test := range []struct {
		mod, built string
		fits       bool
		pin        string
	}{
		{"github.com/coreos/etcd@v3.2.26+incompatible", "v1.5.1", true, ""},
		{"github.com/coreos/etcd@v3.2.26+incompatible", "v1.29.1", true, ""},
		{"github.com/coreos/etcd@v3.2.26+incompatible", "v1.30.0", false, "v1.26.0"},
		{"github.com/coreos/etcd@v3.3.13+incompatible", "v1.29.1", true, ""},
		{"github.com/coreos/etcd@v3.3.27+incompatible", "v1.5.1", false, "v1.23.1"},
		{"github.com/coreos/etcd@v3.3.27+incompatible", "v1.27.1", false, "v1.26.0"},
		{"github.com/coreos/etcd@v3.2.9+incompatible", "v1.7.5", false, "v1.5.1"},
		{"github.com/coreos/etcd@v3.2.9+incompatible", "v1.2.1", true, ""},
		{"github.com/coreos/etcd@v3.2.9+incompatible", "v1.4.2", true, ""},
		{"github.com/coreos/etcd@v3.2.9+incompatible", "v1.0.4", false, "v1.2.1"},
		{"go.etcd.io/etcd@" + target34, "v1.26.0", true, ""},
		{"go.etcd.io/etcd@" + target34, "v1.14.0", true, ""},
		{"go.etcd.io/etcd@" + target34New, "v1.14.0", true, ""},
		{"go.etcd.io/etcd@" + target34, "v1.60.0", false, "v1.26.0"},
		{"go.etcd.io/etcd@" + target34New, "v1.60.0", true, ""},
		{"go.etcd.io/etcd/client/v3@v3.5.9", "v1.64.0", false, "v1.58.3"},
		{"go.etcd.io/etcd/client/v3@v3.5.15", "v1.64.0", true, ""},
		{"github.com/coreos/etcd@v3.2.26+incompatible", "", true, ""},
	} {
		path, version, _ := strings.Cut(test.mod, "@")
		line, fits, pin := GRPC(module.Version{Path: path, Version: version}, test.built)
		if fits != test.fits || (pin == "") != (test.pin == "") || !strings.HasSuffix(pin, test.pin) {
			t.Errorf("%s with %s: %v, %q (%s)", test.mod, test.built, fits, pin, line)
		}
		if pin != "" && !strings.Contains(line, pin) {
			t.Errorf("%q does not say %q", line, pin)
		}
	}
}

func TestParseTo(t *testing.T) {
	for text, want := range map[string]string{
		"v3.3.13":                        "@v3.3.13",
		"github.com/coreos/etcd@v3.2.26": "github.com/coreos/etcd@v3.2.26+incompatible",
		"github.com/coreos/etcd@v3.2.26+incompatible": "github.com/coreos/etcd@v3.2.26+incompatible",
		"go.etcd.io/etcd@" + target34:                 "go.etcd.io/etcd@" + target34,
		"go.etcd.io/etcd/client/v3@v3.5.15":           "go.etcd.io/etcd/client/v3@v3.5.15",
		"go.etcd.io/etcd/client/v3@v2.0.0":            "",
		"latest":                                      "",
		"v3.3":                                        "",
		"example.com/x@v1.0.0":                        "",
		"":                                            "",
	} {
		got, err := ParseTo(text)
		if (err == nil) != (want != "") || err == nil && got.Path+"@"+got.Version != want {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
}

// TestModuleOf: the module of a package, among paths that begin alike.
func TestModuleOf(t *testing.T) {
	for pkg, want := range map[string]string{
		"github.com/coreos/etcd/clientv3/concurrency": pathCoreOS,
		"github.com/coreos/etcd-operator/pkg":         "",
		"go.etcd.io/etcd/clientv3":                    pathRoot,
		"go.etcd.io/etcd/v3/clientv3":                 pathRootV3,
		"go.etcd.io/etcd/client/v3/concurrency":       pathClientV3,
		"go.etcd.io/etcd/client/pkg/v3/types":         pathPkg,
		"go.etcd.io/etcd/api/v3/mvccpb":               "",
		"go.etcd.io/bbolt":                            "",
	} {
		got, ok := ModuleOf(pkg)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v", pkg, got, ok)
		}
	}
}
