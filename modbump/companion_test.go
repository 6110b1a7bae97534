package modbump

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
)

// TestWays: what is tried together with a bump, in order.
func TestWays(t *testing.T) {
	const (
		etcd   = "github.com/coreos/etcd"
		target = etcd + "@" + target32
	)
	client := &Selected{Version: module.Version{Path: etcd, Version: "v3.2.9+incompatible"}, Linked: true, Client: true}
	v2 := &Selected{Version: client.Version, Linked: true}
	for _, test := range []struct {
		name, gomod, target string
		selected            *Selected // nil: nothing is known of the build
		grpc                string
		pin                 bool
		want                []string
	}{
		{name: "in the window", target: target, selected: client, grpc: "v1.5.1", want: []string{""}},
		{name: "nothing is known", target: target, want: []string{""}},
		{name: "no window", target: etcd + "@v3.1.20+incompatible", selected: client, grpc: "v1.40.0", want: []string{""}},
		{
			name: "below", gomod: "require google.golang.org/grpc v1.2.1\n", target: target, selected: client, grpc: "v1.2.1",
			want: []string{"require google.golang.org/grpc v1.5.1", "require google.golang.org/grpc v1.7.5"},
		},
		{
			name: "below, not required here", target: target, selected: client, grpc: "v1.2.1", pin: true,
			want: []string{"require google.golang.org/grpc v1.5.1", "require google.golang.org/grpc v1.7.5"},
		},
		{
			name: "below, the first is excluded", gomod: "exclude google.golang.org/grpc v1.5.1\n", target: target, selected: client, grpc: "v1.2.1",
			want: []string{"require google.golang.org/grpc v1.7.5"},
		},
		{
			name: "below, replaced", gomod: "replace google.golang.org/grpc => google.golang.org/grpc v1.2.1\n", target: target, selected: client, grpc: "v1.2.1",
			want: []string{"replace google.golang.org/grpc => google.golang.org/grpc v1.5.1", "replace google.golang.org/grpc => google.golang.org/grpc v1.7.5"},
		},
		{
			name: "below, replaced by a fork", gomod: "replace google.golang.org/grpc => example.com/grpc v1.2.1\n", target: target, selected: client, grpc: "v1.2.1",
			want: []string{""},
		},
		{
			name: "below, replaced by a directory", gomod: "replace google.golang.org/grpc => ./grpc\n", target: target, selected: client, grpc: "v1.2.1",
			want: []string{""},
		},
		{
			name: "below, without the client", target: target, selected: v2, grpc: "v1.2.1",
			want: []string{"", "require google.golang.org/grpc v1.5.1", "require google.golang.org/grpc v1.7.5"},
		},
		{name: "none", target: target, selected: client, want: []string{"require google.golang.org/grpc v1.26.0"}},
		{
			name: "none, and what replaces it is too old", gomod: "replace google.golang.org/grpc => google.golang.org/grpc v1.2.1\n", target: target, selected: client,
			want: []string{"replace google.golang.org/grpc => google.golang.org/grpc v1.26.0"},
		},
		{
			name: "none, and what replaces it will do", gomod: "replace google.golang.org/grpc => google.golang.org/grpc v1.7.5\n", target: target, selected: client,
			want: []string{"require google.golang.org/grpc v1.7.5"},
		},
		{
			name: "none, replaced by a directory", gomod: "replace google.golang.org/grpc => ./grpc\n", target: target, selected: client,
			want: []string{""},
		},
		{name: "none, with a go.mod of its own", target: "go.etcd.io/etcd@" + target34, selected: client, want: []string{""}},
		{name: "below, with a go.mod of its own", target: "go.etcd.io/etcd@" + target34, selected: client, grpc: "v1.2.1", want: []string{""}},
		{name: "above", target: target, selected: client, grpc: "v1.40.0", want: []string{""}},
		{name: "above, to be pinned", target: target, selected: client, grpc: "v1.40.0", pin: true, want: []string{"replace google.golang.org/grpc => google.golang.org/grpc v1.26.0"}},
		{
			name: "above, replaced by a fork", gomod: "replace google.golang.org/grpc => example.com/grpc v1.40.0\n", target: target, selected: client, grpc: "v1.40.0", pin: true,
			want: []string{""},
		},
		{
			name: "above, another version is replaced", gomod: "require google.golang.org/grpc v1.40.0\nreplace google.golang.org/grpc v1.39.0 => example.com/grpc v1.0.0\n",
			target: target, selected: client, grpc: "v1.40.0", pin: true,
			want: []string{"replace google.golang.org/grpc => google.golang.org/grpc v1.26.0"},
		},
		{
			name: "3.3.27", target: etcd + "@v3.3.27+incompatible", selected: client, grpc: "v1.5.1",
			want: []string{"require google.golang.org/grpc v1.23.1", "require google.golang.org/grpc v1.26.0"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var build *BuildList
			if test.selected != nil {
				build = &BuildList{GRPC: test.grpc}
				s := *test.selected
				s.Path = mods(test.target)[0].Path
				build.Modules = append(build.Modules, s)
			}
			var got []string
			for _, w := range Ways([]byte("module m\n\n"+test.gomod), mods(test.target)[0], build, test.pin) {
				got = append(got, w.String())
				if (w.Why == "") != (w.String() == "") {
					t.Errorf("%q has the reason %q", w, w.Why)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestWindows: every version that a way leads to is in the window that it is for.
func TestWindows(t *testing.T) {
	for path, list := range windows {
		for _, w := range list {
			for _, version := range append(slices.Clone(w.Raise), w.Pin) {
				if version != "" && !w.holds(version) {
					t.Errorf("%s %s: %s is not in %s", path, w.Releases.From, version, w)
				}
			}
			if path == pathCoreOS && (len(w.Raise) == 0 || w.Pin == "" || w.Raise[0] != w.Min) {
				t.Errorf("%s %s: no way into the window", path, w.Releases.From)
			}
		}
	}
}

// TestReplace: the directive that is there gets the version, else one is added.
func TestReplace(t *testing.T) {
	const grpc = "replace google.golang.org/grpc => google.golang.org/grpc v1.26.0"
	for _, test := range []struct{ name, gomod, want string }{
		{"none", "module m\n\nrequire a.b/c v1.0.0\n", "module m\n\nrequire a.b/c v1.0.0\n\n" + grpc + "\n"},
		{"none, no line end", "module m", "module m\n\n" + grpc + "\n"},
		{"behind others", "module m\nreplace a.b/c => ../c // local\n\nexclude a.b/d v1.0.0\n", "module m\nreplace a.b/c => ../c // local\n" + grpc + "\n\nexclude a.b/d v1.0.0\n"},
		{
			"behind a block", "module m\n\nreplace (\n\ta.b/c => ../c\n)\n",
			"module m\n\nreplace (\n\ta.b/c => ../c\n)\n" + grpc + "\n",
		},
		{
			"its own", "module m\n\nreplace (\n\tgoogle.golang.org/grpc => google.golang.org/grpc v1.40.0 // why\n)\n",
			"module m\n\nreplace (\n\tgoogle.golang.org/grpc => google.golang.org/grpc v1.26.0 // why\n)\n",
		},
		{
			"another version's", "module m\n\nrequire google.golang.org/grpc v1.40.0\n\nreplace google.golang.org/grpc v1.39.0 => google.golang.org/grpc v1.38.0\n",
			"module m\n\nrequire google.golang.org/grpc v1.40.0\n\nreplace google.golang.org/grpc v1.39.0 => google.golang.org/grpc v1.38.0\n" + grpc + "\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, form := range []func([]byte) []byte{bytes.Clone, toCRLF} {
				_, got, err := Replace("go.mod", form([]byte(test.gomod)), mods("google.golang.org/grpc@v1.26.0")[0])
				if err != nil {
					t.Fatal(err)
				}
				want := form([]byte(test.want))
				if !bytes.Contains(form([]byte(test.gomod)), []byte("\n")) {
					want = []byte(test.want) // nothing says how lines end
				}
				if d := cmp.Diff(string(want), string(got)); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
			}
		})
	}
}
