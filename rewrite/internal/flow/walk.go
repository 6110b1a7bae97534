package flow

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// A reader goes through a file from top to bottom, and hands over what it meets.
type reader struct{ *walker }

func (w reader) visit(n ast.Node) bool {
	if n == nil {
		top := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		switch top.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			w.funcs = w.funcs[:len(w.funcs)-1]
			w.sigs = w.sigs[:len(w.sigs)-1]
		}
		return true
	}
	w.stack = append(w.stack, n)
	w.here = n.Pos()
	w.node(n)
	return true
}

func (w reader) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		w.funcDecl(n)
	case *ast.FuncLit:
		fn := w.literal(n)
		sig, _ := w.file.TypeOf(n).(*types.Signature)
		w.funcs, w.sigs = append(w.funcs, fn), append(w.sigs, sig)
	case *ast.Field:
		w.field(n)
	case *ast.TypeSpec:
		w.typeSpec(n)
		w.embedder(n)
		w.promoted(n)
	case *ast.StructType:
		namelessEmbedder(w.walker, n)
	case *ast.InterfaceType:
		w.asksForMore(n)
		if iface, ok := w.file.TypeOf(n).(*types.Interface); ok {
			observer(w).genericInterface(iface)
		}
	case *ast.ValueSpec:
		w.valueSpec(n)
	case *ast.AssignStmt:
		w.assign(n.Lhs, n.Rhs)
	case *ast.ReturnStmt:
		w.returns(n)
	case *ast.CallExpr:
		w.call(n)
		asksByPointer(w.walker, n)
	case *ast.CompositeLit:
		w.composite(n)
	case *ast.SendStmt:
		if ch, ok := source.Under(w.file.TypeOf(n.Chan)).(*types.Chan); ok {
			w.flowTo(ch.Elem(), func() *node { return w.expr(n.Chan).child("elem") }, n.Value)
		}
	case *ast.RangeStmt:
		w.rangeStmt(n)
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			w.compare(n.X, n.Y)
		}
	case *ast.SwitchStmt:
		if n.Tag != nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					w.compare(n.Tag, e)
				}
			}
		}
	case *ast.TypeAssertExpr:
		if n.Type != nil {
			observer(w).mayFail(n)
			w.looks.contexts.asks(w.file, n.X, n.Type)
			raises(observer(w), n.X, n.Type)
			askedMethods(observer(w), n.Type)
			w.asserted(n.Type)
		}
	case *ast.UnaryExpr:
		addressed(observer(w), n)
	case *ast.TypeSwitchStmt:
		w.typeSwitch(n)
	case *ast.SelectorExpr:
		headerValue(w.walker, n)
	case *ast.BasicLit:
		w.literalName(n)
	case *ast.Ident:
		if inst, ok := w.file.Pkg.TypesInfo.Instances[n]; ok {
			w.instance(n, inst)
			observer(w).instanceMethods(inst.Type)
		}
		observer(w).handed(n)
		w.looks.contexts.puts(w.file, w.stack, n, func(t types.Type) bool { return w.mutexIn(t) || len(typeParamsIn(t)) > 0 })
	case *ast.IndexExpr:
		w.writtenArgs(n)
		if m, ok := source.Under(w.file.TypeOf(n.X)).(*types.Map); ok && !w.file.Pkg.TypesInfo.Types[n.X].IsType() {
			w.key(n.X, m, n.Index)
		}
	case *ast.IndexListExpr:
		w.writtenArgs(n)
	}
	if e, ok := n.(ast.Expr); ok {
		w.use(e)
	}
}

func (w reader) funcDecl(n *ast.FuncDecl) {
	var fn *node
	var sig *types.Signature
	if obj, ok := w.file.Pkg.TypesInfo.Defs[n.Name].(*types.Func); ok {
		sig = obj.Signature()
		w.receiver(sig)
		fn = w.object(obj)
		if w.mutexIn(sig) {
			w.signature(fn, n.Type)
			if n.Recv != nil {
				w.method(obj)
			}
		}
	}
	w.funcs, w.sigs = append(w.funcs, fn), append(w.sigs, sig)
}

func (w reader) valueSpec(n *ast.ValueSpec) {
	if n.Type != nil && w.mutexIn(w.file.TypeOf(n.Type)) {
		for _, name := range n.Names {
			if obj := w.file.Pkg.TypesInfo.Defs[name]; obj != nil {
				unify(w.object(obj), w.typeExpr(n.Type))
			}
		}
	}
	lhs := make([]ast.Expr, len(n.Names))
	for i, name := range n.Names {
		lhs[i] = name
	}
	w.assign(lhs, n.Values)
}

func (w reader) typeSwitch(n *ast.TypeSwitchStmt) {
	var x ast.Expr
	ast.Inspect(n.Assign, func(n ast.Node) bool {
		if a, ok := n.(*ast.TypeAssertExpr); ok && a.Type == nil {
			x = a.X
		}
		return x == nil
	})
	for _, c := range n.Body.List {
		clause := c.(*ast.CaseClause)
		for _, e := range clause.List {
			w.asserted(e)
			w.looks.contexts.asks(w.file, x, e)
			raises(observer(w), x, e)
			askedMethods(observer(w), e)
		}
		if v := w.file.Pkg.TypesInfo.Implicits[clause]; v != nil && len(clause.List) == 1 && w.mutexIn(v.Type()) {
			unify(w.object(v), w.typeExpr(clause.List[0]))
		}
	}
}

// field links the names of a parameter, result, struct field or interface method to
// the type that is written for them.
func (w reader) field(n *ast.Field) {
	if !w.mutexIn(w.fieldType(n.Type)) {
		return
	}
	for _, name := range n.Names {
		obj := w.file.Pkg.TypesInfo.Defs[name]
		if obj == nil {
			continue
		}
		unify(w.object(obj), w.typeExpr(n.Type))
		if fn, ok := obj.(*types.Func); ok {
			w.method(fn)
		}
	}
	if _, ok := w.parentOfParent().(*ast.StructType); ok && len(n.Names) == 0 {
		if _, named := w.stack[len(w.stack)-4].(*ast.TypeSpec); !named {
			w.poisonNode(w.typeExpr(n.Type), finding.EmbeddedMutex, n, "a struct type without a name embeds it")
		}
		if id := embeddedName(n.Type); id != nil {
			if v, ok := w.file.Pkg.TypesInfo.Defs[id].(*types.Var); ok {
				unify(w.object(v), w.typeExpr(n.Type))
			}
		}
	}
}

// parentOfParent returns what holds the field list that holds the current field.
func (w reader) parentOfParent() ast.Node {
	if len(w.stack) < 3 {
		return nil
	}
	return w.stack[len(w.stack)-3]
}

func embeddedName(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.StarExpr:
		return embeddedName(e.X)
	case *ast.SelectorExpr:
		return e.Sel
	}
	return nil
}

// typeSpec handles type declarations: a defined or alias type over the mutex itself is
// refused, a container of mutexes is followed through its name.
func (w reader) typeSpec(n *ast.TypeSpec) {
	t := w.file.TypeOf(n.Type)
	if t == nil || !w.mutexIn(t) {
		return
	}
	obj := w.file.Pkg.TypesInfo.Defs[n.Name]
	if obj == nil {
		return
	}
	if w.p.IsMutex(t) || w.p.IsMutexPtr(t) {
		w.poisonNode(w.typeExpr(n.Type), finding.AliasOrDefined, n, "type %s", n.Name.Name)
	}
	if _, ok := t.Underlying().(*types.Struct); ok && !n.Assign.IsValid() {
		return // its fields are objects of their own
	}
	unify(w.object(obj), w.typeExpr(n.Type))
}
