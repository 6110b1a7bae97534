package importpath

import (
	"slices"
	"testing"
)

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		path, root string
		want       bool
	}{
		{"a.b/c", "a.b/c", true},
		{"a.b/c/d", "a.b/c", true},
		{"a.b/cd", "a.b/c", false},
		{"a.b", "a.b/c", false},
		{"a.b/c", "", false},
	} {
		if got := Within(c.path, c.root); got != c.want {
			t.Errorf("Within(%q, %q) = %v", c.path, c.root, got)
		}
		if got := WithinAny(c.path, []string{"x.y", c.root}); got != c.want {
			t.Errorf("WithinAny(%q, x.y or %q) = %v", c.path, c.root, got)
		}
	}
	if WithinAny("a.b/c", nil) {
		t.Error("a path is within no root")
	}
}

func TestInternal(t *testing.T) {
	for path, want := range map[string]bool{
		"internal": true, "internal/a": true, "a.b/internal": true, "a.b/internal/c": true,
		"": false, "a.b/internals": false, "a.b/notinternal/c": false, "a.b/c": false,
	} {
		if got := Internal(path); got != want {
			t.Errorf("Internal(%q) = %v", path, got)
		}
	}
}

func TestMayImport(t *testing.T) {
	for _, c := range []struct {
		from, path string
		want       bool
	}{
		{"x.y", "a.b/c", true},
		{"a.b", "a.b/internal/c", true},
		{"a.b/d/e", "a.b/internal", true},
		{"a.bc", "a.b/internal", false},
		{"x.y", "a.b/internal/c", false},
		{"a.b/d", "a.b/internal/c/internal/e", false}, // the last one decides
		{"a.b/internal/c/d", "a.b/internal/c/internal/e", true},
		{"x.y", "internal/c", false}, // of the standard library
	} {
		if got := MayImport(c.from, c.path); got != c.want {
			t.Errorf("MayImport(%q, %q) = %v", c.from, c.path, got)
		}
	}
}

func TestAbove(t *testing.T) {
	for path, want := range map[string][]string{
		"":                  nil,
		"fmt":               {"fmt"},
		"example.com/a/b":   {"example.com/a/b", "example.com/a", "example.com"},
		"example.com/a.v1/": {"example.com/a.v1/", "example.com/a.v1", "example.com"},
	} {
		if got := slices.Collect(Above(path)); !slices.Equal(got, want) {
			t.Errorf("Above(%q) = %q, want %q", path, got, want)
		}
	}
}
