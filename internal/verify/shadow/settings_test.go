package shadow

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitFlags(t *testing.T) {
	build, test := splitFlags([]string{"-tags=x", "-timeout=3s", "--run", "A", "-mod", "mod", "-short", "-test.count", "2", "-race", "-v"})
	if diff := cmp.Diff([]string{"-tags=x", "-mod", "mod", "-race"}, build); diff != "" {
		t.Errorf("build flags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"-timeout=3s", "--run", "A", "-short", "-test.count", "2", "-v"}, test); diff != "" {
		t.Errorf("test flags (-want +got):\n%s", diff)
	}
}

func TestFlagValue(t *testing.T) {
	for _, flags := range [][]string{{"-mod=vendor", "-mod=mod"}, {"--mod", "mod"}} {
		if v, set := flagValue(flags, "mod"); v != "mod" || !set {
			t.Errorf("flagValue(%q) = %q, %v, want mod", flags, v, set)
		}
	}
	if v, set := flagValue([]string{"-modfile=x", "mod"}, "mod"); v != "" || set {
		t.Errorf("flagValue without the flag = %q, %v", v, set)
	}
}

func TestAtLeast(t *testing.T) {
	for have, want := range map[string]bool{
		"go1.24":                true,
		"go1.26.1 X:nodwarf5":   true,
		"go1.24rc1":             true,
		"go1.21.13":             false,
		"go1.23.9":              false,
		"devel go1.27-0123abcd": false,
	} {
		if got := (&settings{GOVERSION: have}).atLeast("go1.24"); got != want {
			t.Errorf("%s at least go1.24: %v, want %v", have, got, want)
		}
	}
}

func TestNewerToolchain(t *testing.T) {
	for _, test := range []struct{ setting, running, line, toolchain, want string }{
		{"auto", "go1.21.13", "1.24.0", "", "go1.24.0+auto"},
		{"go1.20.1+auto", "go1.21.13", "1.24.0", "go1.24.2", "go1.24.2+auto"},
		{"path", "go1.21.13", "1.24.0", "", "go1.24.0+path"},
		{"auto", "go1.24.0", "1.24.0", "", ""},
		{"auto", "go1.26.1 X:nodwarf5", "1.24.0", "go1.26.0", ""},
		{"local", "go1.21.13", "1.24.0", "", ""},
		{"go1.21.13", "go1.21.13", "1.24.0", "", ""},
		{"auto", "devel go1.27-0123abcd", "1.28.0", "", ""},
		{"auto", "go1.21.13", "", "", ""},
	} {
		if got := newerToolchain(test.setting, test.running, test.line, test.toolchain); got != test.want {
			t.Errorf("newerToolchain(%q, %q, %q, %q) = %q, want %q", test.setting, test.running, test.line, test.toolchain, got, test.want)
		}
	}
}

func TestWithoutPositions(t *testing.T) {
	for msg, want := range map[string]string{
		"B redeclared in this block\n\tb/b.go:3:6: other declaration of B": "B redeclared in this block\n\tb.go: other declaration of B",
		`C:\tmp\x.go:12: no`:                                                  `C:\tmp\x.go: no`,
		"/tmp/go-build123/b001/x.h: not found":                                "$WORK/b001/x.h: not found",
		"cannot use x (variable of type *a.T) as b.T value":                   "cannot use x (variable of type *a.T) as b.T value",
		"may be reached without using the cancel var defined on line 12":      "may be reached without using the cancel var defined on line",
		"initialization cycle: A (/m/a.go:1:2) refers to B (/m/other.go:3:4)": "initialization cycle: A (a.go) refers to B (other.go)",
	} {
		if got := WithoutPositions(msg); got != want {
			t.Errorf("WithoutPositions(%q) =\n%q, want\n%q", msg, got, want)
		}
	}
}

func TestChunks(t *testing.T) {
	got := chunks([]string{"aa", "bb", "cc", "long one"}, 6)
	want := [][]string{{"aa", "bb"}, {"cc"}, {"long one"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
