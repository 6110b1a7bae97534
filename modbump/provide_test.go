package modbump

import (
	"testing"

	"golang.org/x/mod/module"
)

// TestProvide: the oldest module that has the package, unless the build has the newer form
// of it.
func TestProvide(t *testing.T) {
	const annotations = "google.golang.org/genproto/googleapis/api/annotations"
	for _, test := range []struct {
		name, pkg string
		built     map[string]string
		want      module.Version
	}{
		{"nothing", annotations, nil, module.Version{Path: "google.golang.org/genproto", Version: "v0.0.0-20170731182057-09f6ed296fc6"}},
		{
			"beside its sibling", annotations, map[string]string{"google.golang.org/genproto/googleapis/rpc": "v0.0.0-20240318140521-94a12d6c2237"},
			module.Version{Path: "google.golang.org/genproto/googleapis/api", Version: "v0.0.0-20240318140521-94a12d6c2237"},
		},
		{"the whole is there and lacks it", annotations, map[string]string{"google.golang.org/genproto": "v0.0.0-20240318140521-94a12d6c2237"}, module.Version{}},
		{"by name, not by prefix", "google.golang.org/genproto/googleapis/apis", nil, module.Version{}},
		{"another", "github.com/coreos/go-semver/semver", nil, module.Version{Path: "github.com/coreos/go-semver", Version: "v0.2.0"}},
		{"unknown", "example.com/x", nil, module.Version{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := Provide(test.pkg, func(path string) string { return test.built[path] })
			if got != test.want || ok != (test.want.Path != "") {
				t.Errorf("got %v, %v; want %v", got, ok, test.want)
			}
		})
	}
}
