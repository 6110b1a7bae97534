package state

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, dir string, opts Options) (*State, error) {
	t.Helper()
	s, err := Open(dir, Run{Tool: "v1", Modules: 3, Settings: Settings{"-by": "dir"}}, opts)
	if err == nil {
		t.Cleanup(s.Close)
	}
	return s, err
}

// What was put is taken, as long as what it depends on is the same.
func TestTake(t *testing.T) {
	dir := t.TempDir()
	s, err := open(t, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Module{
		{Dir: "a", Sum: "1", Result: json.RawMessage(`{"dir":"a"}`), Seconds: 2.5, Files: []File{{"a.patch", []byte("\xff")}}},
		{Dir: "b", Sum: "1", Failed: true, Result: json.RawMessage(`{}`)},
		{Dir: "a", Sum: "2", Result: json.RawMessage(`{"dir":"a","second":true}`)},
	} {
		if err := s.Put(m); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if s, err = open(t, dir, Options{Failed: true}); err != nil {
		t.Fatal(err)
	}
	if kept, again, err := s.Take("a", "2"); err != nil || kept == nil || again != "" || !strings.Contains(string(kept.Result), "second") {
		t.Errorf("the last record counts: %+v, %q, %v", kept, again, err)
	}
	for _, c := range []struct {
		dir, sum string
		again    Again
	}{{"a", "1", AgainChanged}, {"b", "1", AgainFailed}, {"b", "2", AgainChanged}, {"c", "1", ""}} {
		if kept, again, err := s.Take(c.dir, c.sum); err != nil || kept != nil || again != c.again {
			t.Errorf("%s %s: %+v, %q, %v", c.dir, c.sum, kept, again, err)
		}
	}
	s.Close()
	if s, err = open(t, dir, Options{Resume: true}); err != nil {
		t.Fatal(err)
	}
	if kept, _, err := s.Take("b", "1"); err != nil || kept == nil || !kept.Failed {
		t.Errorf("a failure that is not wanted again: %+v, %v", kept, err)
	}
}

// A log whose first record does not say what was begun is of no run.
func TestNoBeginning(t *testing.T) {
	dir := t.TempDir()
	s, err := open(t, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(Module{Dir: "a", Result: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	name := filepath.Join(dir, logFile)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "\n")
	if err := os.WriteFile(name, []byte(rest), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, Options{Resume: true}); !errors.Is(err, ErrUsage) || !errors.Is(err, errDamaged) {
		t.Errorf("got %v", err)
	}
	if now, err := os.ReadFile(name); err != nil || string(now) != rest {
		t.Errorf("it was touched: %v", err)
	}
}

// What a run was writing when it was killed goes; a journal, and what it keeps, are somebody else's.
func TestBegunAfterAKill(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".etcdmod-0123456789abcdef", ".etcdmod-fedcba9876543210", ".etcdmod-journal", ".etcdmod-0123456789abcdef-0.old"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".etcdmod-0000000000000000"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, opts := range []Options{{}, {Resume: true}} {
		s, err := open(t, dir, opts)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		list, err := filepath.Glob(filepath.Join(dir, ".etcdmod-*"))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range list {
			list[i] = filepath.Base(name)
		}
		if want := []string{".etcdmod-0000000000000000", ".etcdmod-0123456789abcdef-0.old", ".etcdmod-journal"}; !slices.Equal(list, want) {
			t.Errorf("left: %q, want %q", list, want)
		}
		if err := os.WriteFile(filepath.Join(dir, ".etcdmod-aaaaaaaaaaaaaaaa"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
