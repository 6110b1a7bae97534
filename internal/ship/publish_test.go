package ship_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/rollout"
	"etcdmod/internal/ship"
)

// show prints the variables that a command finds.
const show = `{ env | grep ^ETCDMOD_ | sort; pwd; } >>"$LOG"`

// The command finds all that it needs in its environment, preludes first.
func TestPublishEnvironment(t *testing.T) {
	f := newFixture(t, 1)
	t.Setenv("LOG", f.path("log"))
	f.ship(t, func(o *ship.Options) { o.Command = show })
	branches := f.branches(t)
	want := ""
	for _, v := range []struct{ id, after, base, owners, prelude string }{
		{"m0-prelude", "", "main", "", "1"},
		{"m0-a", "m0-prelude", "etcdmod/m0-prelude", "@x/a @y", ""},
		{"m0-b", "m0-prelude", "etcdmod/m0-prelude", "@x/b @y", ""},
	} {
		branch := "etcdmod/" + v.id
		want += "ETCDMOD_AFTER=" + v.after + "\nETCDMOD_BASE=" + v.base + "\nETCDMOD_BRANCH=" + branch + "\nETCDMOD_COMMIT=" + branches[branch] +
			"\nETCDMOD_DESCRIPTION=" + f.path("out", "units", v.id+".md") + "\nETCDMOD_MODULE=m0\nETCDMOD_OWNERS=" + v.owners +
			"\nETCDMOD_PATCH=" + f.path("out", "units", v.id+".patch") + "\nETCDMOD_PRELUDE=" + v.prelude +
			"\nETCDMOD_TITLE=Change " + v.id + "\nETCDMOD_UNIT=" + v.id + "\n" + f.path("repo") + "\n"
	}
	if d := cmp.Diff(want, f.read(t, "log")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// One failure stops neither the units that do not wait for it, nor a later run from doing
// what is left, and that alone.
func TestPublishFailure(t *testing.T) {
	f := newFixture(t, 2)
	t.Setenv("LOG", f.path("log"))
	command := func(broken string) func(*ship.Options) {
		return func(o *ship.Options) {
			o.Command = `echo $ETCDMOD_UNIT >>"$LOG"; echo doing; case $ETCDMOD_UNIT in ` + broken + `) echo no way >&2; exit 7;; esac`
		}
	}
	said := f.ship(t, command("m0-prelude|m1-a"))
	if d := cmp.Diff([]string{
		"m0-prelude: not published exit status 7\ndoing\nno way",
		"m0-a: not published m0-prelude, which goes before it, is not published",
		"m0-b: not published m0-prelude, which goes before it, is not published",
		"m1-prelude: published doing",
		"m1-a: not published exit status 7\ndoing\nno way",
		"m1-b: published doing",
	}, said[6:]); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	states := func() (out []string) {
		for _, m := range f.index.Modules {
			for _, u := range m.Units {
				switch {
				case u.Published && u.Unshipped == "":
					out = append(out, u.ID)
				case u.Published == (u.Unshipped != ""):
					t.Errorf("%s: published %v, unshipped %q", u.ID, u.Published, u.Unshipped)
				}
			}
		}
		return out
	}
	if d := cmp.Diff([]string{"m1-prelude", "m1-b"}, states()); d != "" {
		t.Errorf("index: -want +got:\n%s", d)
	}
	if d := cmp.Diff("m0-prelude\nm1-prelude\nm1-a\nm1-b\n", f.read(t, "log")); d != "" {
		t.Errorf("commands: -want +got:\n%s", d)
	}

	// A run that was killed while it wrote the record has left half a line.
	record := f.read(t, "out/"+ship.RecordFile)
	f.write(t, "out/"+ship.RecordFile, record+`{"unit":"m0-`)
	f.write(t, "log", "")
	f.ship(t, command("none"))
	if d := cmp.Diff("m0-prelude\nm0-a\nm0-b\nm1-a\n", f.read(t, "log")); d != "" {
		t.Errorf("second run: commands: -want +got:\n%s", d)
	}
	if n := len(states()); n != 6 {
		t.Errorf("%d published, want 6", n)
	}

	// A unit that has become another change is published again, and no other.
	f.index.Modules[1].Units[2] = f.changed(t)
	f.write(t, "log", "")
	f.ship(t, func(o *ship.Options) { command("none")(o); o.Force = true })
	if d := cmp.Diff("m1-b\n", f.read(t, "log")); d != "" {
		t.Errorf("third run: commands: -want +got:\n%s", d)
	}
}

// changed is unit m1-b with another patch.
func (f *fixture) changed(t *testing.T) rollout.Unit {
	u := f.index.Modules[1].Units[2]
	f.write(t, "out/"+u.Patch, strings.ReplaceAll(f.read(t, "out/"+u.Patch), "var j = i", "var k = i"))
	return u
}

// Without branches the command gets the patches, also outside of a repository.
func TestPublishPatches(t *testing.T) {
	f := newFixture(t, 1)
	if err := os.RemoveAll(f.path("repo", ".git")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LOG", f.path("log"))
	publish := func(o *ship.Options) {
		o.Prefix, o.Command = "", `echo "$ETCDMOD_UNIT [$ETCDMOD_BRANCH] $(grep -c ^+++ "$ETCDMOD_PATCH")" >>"$LOG"`
	}
	f.ship(t, publish)
	said := f.ship(t, publish)
	if d := cmp.Diff("m0-prelude [] 1\nm0-a [] 1\nm0-b [] 1\n", f.read(t, "log")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"m0-prelude: published earlier", "m0-a: published earlier", "m0-b: published earlier"}, said); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
