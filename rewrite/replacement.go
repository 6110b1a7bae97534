package rewrite

import (
	"go/ast"
	"go/token"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/source"
)

// A replacement is an edit that the guard of a rule makes beside the types of mutexes: most often a
// call becomes another one. Each kind stands with its rule. Two that are equal are one edit.
type replacement interface {
	// in is the file that it is made in, and moved is the same edit in that file of another build
	// configuration.
	in() *source.File
	moved(*source.File) replacement
	pos() token.Pos
	// function is the name of a function of package concurrency, with its qualifier, that becomes
	// one of the helper's, or nil.
	function() ast.Expr
	qualified() bool // whether the edit names the helper package
	// edits are those of the file. qualifier is the name of the helper package.
	edits(p *source.Program, qualifier string) edit.Edits
	// needs notes what the helper package must have for it.
	needs() helper.Parts
	// differs says what it changes.
	differs(*source.Program) []finding.Difference
}

// A replacedCall is what calls that become others have in common: they name the helper package, and are
// no functions of package concurrency.
type replacedCall struct {
	file *source.File
	call *ast.CallExpr
}

func (r replacedCall) in() *source.File   { return r.file }
func (r replacedCall) pos() token.Pos     { return r.call.Pos() }
func (r replacedCall) function() ast.Expr { return nil }
func (r replacedCall) qualified() bool    { return true }

// method is the selector by which a method is called.
func (r replacedCall) method() *ast.SelectorExpr { return ast.Unparen(r.call.Fun).(*ast.SelectorExpr) }

// differences are those of some kinds, where a replacement is.
func differences(p *source.Program, r replacement, kinds ...finding.DifferenceKind) (out []finding.Difference) {
	for _, k := range kinds {
		out = append(out, finding.Difference{Kind: k, Pos: p.Position(r.pos())})
	}
	return out
}
