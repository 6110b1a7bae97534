package rewrite_test

import (
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// How far a room may grow before nobody sees the way of the data through it: files that need each
// other, and methods of one receiver.
const (
	mostTied    = 12
	mostMethods = 40
)

// TestRooms measures receivers of the whole program, and the files of this package and those below it.
func TestRooms(t *testing.T) {
	t.Parallel()
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax &^ packages.NeedDeps}, "./...", "../internal/...", "../modbump/...")
	if err != nil {
		t.Fatal(err)
	}
	if packages.PrintErrors(pkgs) > 0 || len(pkgs) < 10 {
		t.Fatalf("%d packages were loaded", len(pkgs))
	}
	for _, p := range pkgs {
		if tied := knot(needs(p)); len(tied) > mostTied && strings.HasPrefix(p.PkgPath, "etcdmod/rewrite") {
			t.Errorf("%s: %d files need each other: %v", p.PkgPath, len(tied), tied)
		}
		for _, name := range p.Types.Scope().Names() {
			if named, ok := p.Types.Scope().Lookup(name).Type().(*types.Named); ok && named.NumMethods() > mostMethods {
				t.Errorf("%s: %s has %d methods", p.PkgPath, name, named.NumMethods())
			}
		}
	}
}

// needs says which files of a package use what others of it declare.
func needs(p *packages.Package) map[string]map[string]bool {
	file := func(at interface{ Pos() token.Pos }) string { return filepath.Base(p.Fset.Position(at.Pos()).Filename) }
	out := map[string]map[string]bool{}
	for _, f := range p.Syntax {
		out[file(f)] = map[string]bool{}
	}
	for id, obj := range p.TypesInfo.Uses {
		fn, _ := obj.(*types.Func)
		method := fn != nil && fn.Signature().Recv() != nil
		if obj.Pkg() == p.Types && (method || obj.Parent() == p.Types.Scope()) && file(id) != file(obj) {
			out[file(id)][file(obj)] = true
		}
	}
	return out
}

// knot returns the largest set of files each of which needs all others, if through some of them.
func knot(needs map[string]map[string]bool) (most []string) {
	for between := range needs {
		for from := range needs {
			if needs[from][between] {
				maps.Copy(needs[from], needs[between])
			}
		}
	}
	for from := range needs {
		var tied []string
		for to := range needs[from] {
			if needs[to][from] {
				tied = append(tied, to)
			}
		}
		if len(tied) > len(most) {
			most = slices.Sorted(slices.Values(tied))
		}
	}
	return most
}
