package load

import (
	"go/ast"
	"go/token"
	"path"
	"strconv"
	"strings"
	"sync"

	"etcdmod/internal/rooted"
)

// swollen is how big a constant or a type may be where all names in it are spelled out, in bytes of
// text and in names. A type checker does spell it out, to tell how long a text is, or whether two types
// are one: forty lines, each of which has the one before twice, take more memory than there is. It is as
// much as a file may have.
const swollen = int(rooted.GoFile)

// entangled is how many declarations may be behind one another, each of which is to be looked at first.
// A type checker goes as deep, and has no more room than some hundred thousand take.
const entangled = 20_000

// A measure knows the sizes of declarations, of all packages that were measured.
type measure struct {
	mu    sync.Mutex
	known map[string]int // by import path and name; those that are small are not in it
}

// small is what every name counts that says nothing else.
const small = 1

// A sizing is the measure of one package.
type sizing struct {
	*measure
	imports map[string]string // import paths by the names that the file at hand has for them
	top     map[string]*sized
	order   []*sized // of top, as a type checker comes to them
	depth   int
	scopes  []map[string]*sized
	at      token.Pos // the first that is swollen
}

// A sized is a declaration of a constant or of another name for a type, whose size counts wherever it is
// named, or of something else, which is a name.
type sized struct {
	exprs   []ast.Expr
	counts  bool
	imports map[string]string
	pos     token.Pos
	params  bool // it is a generic type
	size    int
	seen    mark
}

// swollen returns the first declaration in the files of a package that is too big, if there is one.
func (m *measure) swollen(pkgPath string, files []*ast.File) token.Pos {
	s := &sizing{measure: m, top: map[string]*sized{}}
	imports := make([]map[string]string, len(files))
	for i, f := range files {
		imports[i] = importNames(f)
		s.imports = imports[i]
		for _, d := range f.Decls {
			if d, ok := d.(*ast.GenDecl); ok {
				names, all := s.declare(d)
				for i, name := range names {
					s.top[name] = all[i]
				}
				s.order = append(s.order, all...)
			}
		}
	}
	for _, d := range s.order {
		s.of(d)
	}
	for name, d := range s.top {
		if n := s.of(d); n > 1<<10 {
			m.mu.Lock()
			m.known[pkgPath+"."+name] = n
			m.mu.Unlock()
		}
	}
	for i, f := range files {
		s.imports = imports[i]
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
				s.body(d.Body)
			}
			if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.VAR {
				s.body(d) // functions in it
			}
		}
	}
	return s.at
}

// importNames gives the import paths of a file by their names there. Of one that has none, the name is
// taken from the path.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range f.Imports {
		at, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(at)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = at
	}
	return names
}

// declare gives what a declaration declares, by name and in order.
func (s *sizing) declare(d *ast.GenDecl) (names []string, all []*sized) {
	add := func(name *ast.Ident, d sized) {
		d.imports, d.pos = s.imports, name.Pos()
		names, all = append(names, name.Name), append(all, &d)
	}
	var last ast.ValueSpec
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			if len(spec.Values) > 0 || d.Tok != token.CONST {
				last = *spec // else it is as the one before
			}
			for i, name := range spec.Names {
				exprs := last.Values
				if len(exprs) == len(spec.Names) {
					exprs = exprs[i : i+1]
				}
				if last.Type != nil {
					exprs = append(exprs[:len(exprs):len(exprs)], last.Type)
				}
				add(name, sized{exprs: exprs, counts: d.Tok == token.CONST})
			}
		case *ast.TypeSpec:
			add(spec.Name, sized{exprs: []ast.Expr{spec.Type}, counts: spec.Assign.IsValid(), params: spec.TypeParams != nil})
		}
	}
	return names, all
}

// body measures what is declared within functions, where a name may be declared anew in each block, and
// each expression as a whole.
func (s *sizing) body(n ast.Node) {
	type level struct{ block, measured bool }
	levels := []level{{}}
	ast.Inspect(n, func(n ast.Node) bool {
		if n == nil {
			if levels[len(levels)-1].block {
				s.scopes = s.scopes[:len(s.scopes)-1]
			}
			levels = levels[:len(levels)-1]
			return true
		}
		now := level{measured: levels[len(levels)-1].measured}
		switch n := n.(type) {
		case *ast.FuncLit:
			now.measured = false
		case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
			s.scopes, now.block = append(s.scopes, map[string]*sized{}), true
		case *ast.DeclStmt:
			if d, ok := n.Decl.(*ast.GenDecl); ok && len(s.scopes) > 0 {
				s.local(d)
			}
		case *ast.IndexExpr, *ast.IndexListExpr, *ast.BinaryExpr:
			if !now.measured {
				s.check(n.Pos(), s.expr(n.(ast.Expr)))
			}
			now.measured = true
		}
		levels = append(levels, now)
		return true
	})
}

// local measures a declaration within a function: it may name what its block has so far.
func (s *sizing) local(d *ast.GenDecl) {
	scope := s.scopes[len(s.scopes)-1]
	names, all := s.declare(d)
	for i, d := range all {
		d.seen, d.size = closed, small
		if d.counts {
			d.size = s.within(d)
		}
		scope[names[i]] = d
	}
}

// of is the size of what is declared on the level of the package. What needs itself is none.
func (s *sizing) of(d *sized) int {
	if d.seen == unseen {
		if s.depth++; s.depth > entangled && !s.at.IsValid() {
			s.at = d.pos
		}
		d.seen = open
		if s.depth <= entangled {
			imports, scopes := s.imports, s.scopes
			s.imports, s.scopes = d.imports, nil
			d.size = s.within(d)
			s.imports, s.scopes = imports, scopes
		}
		d.seen = closed
		s.depth--
	}
	if d.seen == open || !d.counts {
		return small
	}
	return d.size
}

func (s *sizing) within(d *sized) (n int) {
	for _, e := range d.exprs {
		n = min(n+s.expr(e), swollen)
	}
	if d.counts {
		s.check(d.pos, n)
	}
	return n
}

func (s *sizing) check(pos token.Pos, size int) {
	if size >= swollen && !s.at.IsValid() {
		s.at = pos
	}
}

// find returns the declaration that a name is for, or nil.
func (s *sizing) find(name string) *sized {
	for i := len(s.scopes) - 1; i >= 0; i-- {
		if d := s.scopes[i][name]; d != nil {
			return d
		}
	}
	return s.top[name]
}

// expr is the size of an expression. A generic type has what it is given as often as it names it.
func (s *sizing) expr(e ast.Expr) (size int) {
	add := func(n int) { size = min(size+n, swollen) }
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // its declarations are its own
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				add(len(n.Value))
			}
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && s.imports[pkg.Name] != "" {
				s.mu.Lock()
				add(max(small, s.known[s.imports[pkg.Name]+"."+n.Sel.Name]))
				s.mu.Unlock()
				return false
			}
		case *ast.Ident:
			if d := s.find(n.Name); d != nil {
				add(s.of(d))
			} else {
				add(max(small, s.dotted(n.Name)))
			}
		case *ast.IndexExpr:
			add(s.instance(n.X, n.Index))
			return false
		case *ast.IndexListExpr:
			add(s.instance(n.X, n.Indices...))
			return false
		}
		return size < swollen
	})
	return size
}

// dotted is the size of a name that a file may have from what it imports without a name.
func (s *sizing) dotted(name string) int {
	at := s.imports["."]
	if at == "" {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[at+"."+name]
}

// instance is the size of a generic type, or of an element, with what is in the brackets.
func (s *sizing) instance(of ast.Expr, in ...ast.Expr) int {
	size, given := s.expr(of), 0
	for _, e := range in {
		given = min(given+s.expr(e), swollen)
	}
	if id, ok := of.(*ast.Ident); ok {
		if d := s.find(id.Name); d != nil && d.params {
			return min(size*max(given, 1), swollen)
		}
	}
	if sel, ok := of.(*ast.SelectorExpr); ok && strings.ToUpper(sel.Sel.Name[:1]) == sel.Sel.Name[:1] && size > small {
		return min(size*max(given, 1), swollen)
	}
	return min(size+given, swollen)
}
