package rewrite

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"

	"golang.org/x/tools/txtar"
)

// A span is a node's part of a text.
type span struct{ start, end int }

// parts are what a file can be taken apart into: the statements of lists, expressions
// that stand for values, and the places between statements.
type parts struct {
	src          []byte
	stmts, exprs []span
}

func (p *parts) text(s span) string { return string(p.src[s.start:s.end]) }

// put returns the text with that of a span replaced.
func (p *parts) put(s span, text string) []byte {
	return slices.Concat(p.src[:s.start], []byte(text), p.src[s.end:])
}

// takeApart parses a file. It returns nil where that fails.
func takeApart(src []byte) *parts {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	p := &parts{src: src}
	at := func(n ast.Node) span {
		file := fset.File(f.FileStart)
		return span{file.Offset(n.Pos()), file.Offset(n.End())}
	}
	list := func(stmts []ast.Stmt) {
		for _, s := range stmts {
			p.stmts = append(p.stmts, at(s))
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			list(n.List)
		case *ast.CaseClause:
			list(n.Body)
		case *ast.CommClause:
			list(n.Body)
		case *ast.CallExpr:
			p.exprs = append(p.exprs, at(n))
			for _, arg := range n.Args {
				p.exprs = append(p.exprs, at(arg))
			}
		case *ast.BinaryExpr:
			p.exprs = append(p.exprs, at(n), at(n.X), at(n.Y))
		case *ast.IfStmt:
			p.exprs = append(p.exprs, at(n.Cond))
		case *ast.AssignStmt:
			for _, x := range slices.Concat(n.Lhs, n.Rhs) {
				p.exprs = append(p.exprs, at(x))
			}
		case *ast.ReturnStmt:
			for _, x := range n.Results {
				p.exprs = append(p.exprs, at(x))
			}
		case *ast.UnaryExpr:
			p.exprs = append(p.exprs, at(n), at(n.X))
		}
		return true
	})
	for _, list := range []*[]span{&p.stmts, &p.exprs} {
		// In the order of the text; an empty statement has no text.
		*list = slices.DeleteFunc(*list, func(s span) bool { return s.start >= s.end || s.end > len(src) })
		slices.SortFunc(*list, func(a, b span) int { return a.start - b.start })
	}
	return p
}

// around are texts that a statement can be put into, and inserts are statements that can
// come before another.
var (
	around = [][2]string{
		{"{\n", "\n}"}, {"if true {\n", "\n}"}, {"for {\n", "\n}"}, {"for i := 0; i < 3; i++ {\n", "\n}"}, {"for range 3 {\n", "\nbreak\n}"},
		{"func() {\n", "\n}()"}, {"go func() {\n", "\n}()"}, {"defer func() {\n", "\n}()"}, {"for func() bool {\n", "\nreturn true\n}() {\n}"},
		{"select {\ndefault:\n", "\n}"}, {"switch {\ncase true:\n", "\nfallthrough\ndefault:\n}"}, {"again:\n", "\ngoto again"},
		{"outer:\nfor {\n", "\ncontinue outer\n}"}, {"if err := error(nil); err != nil {\n} else {\n", "\n}"},
		{"for ctx.Err() == nil {\n", "\n}"}, {"for tick := range time.Tick(time.Second) {\n_ = tick\n", "\n}"},
		{"go func() {\nfor {\n", "\n}\n}()"}, {"select {\ncase <-ctx.Done():\nreturn\ncase <-time.After(time.Second):\n", "\n}"},
		{"/* before */ ", " // after"}, {"{ // here\n", "\n// there\n}"},
	}
	inserts = []string{
		"break", "continue", "return", "return err", "return nil", "panic(0)", "runtime.Goexit()", "time.Sleep(time.Second)", "<-time.After(time.Minute)",
		"ctx, cancel := context.WithTimeout(ctx, time.Second)\ndefer cancel()", "ctx = context.Background()", "mu = nil", "mutex = nil", "mu := mu", "time := 1\n_ = time",
		"defer recover()", "// a comment", "/* two\nlines */", "println()", "err = nil", "if err != nil {\nreturn\n}", "goto again", "attempts++", "_ = any(mu)", "mu.Unlock(ctx)",
		"ticker.Reset(time.Second)", "ticker.Stop()", "type T struct{}", "//etcdmod:ignore trylock-poll reason", "//line x.go:1", "<-ctx.Done()", "var mu *concurrency.Mutex",
		"concurrency := 1\n_ = concurrency", "etcdlock := 1\n_ = etcdlock", "mu, err := mu, error(nil)", ";", "select {}",
	}
	wraps = [][2]string{
		{"(", ")"}, {"!(", ")"}, {"any(", ")"}, {"&(", ")"}, {"*(", ")"}, {"-", ""}, {"<-", ""}, {"func() error { return ", " }()"}, {"func() bool { return ", " }()"},
		{"", " && true"}, {"", " == nil"}, {"", " || ctx.Err() != nil"}, {"error(", ")"}, {"[]any{", "}[0]"}, {"/* x */ ", " /* y */"}, {"", "."},
	}
)

// mutations change a text at two places that they are given: numbers to be taken modulo
// how many places there are.
var mutations = []func(p *parts, a, b int) []byte{
	func(p *parts, a, b int) []byte { return p.put(pick(p.stmts, a), "") },
	func(p *parts, a, b int) []byte { // again, after itself
		s := pick(p.stmts, a)
		return p.put(s, p.text(s)+"\n"+p.text(s))
	},
	func(p *parts, a, b int) []byte { // a copy elsewhere
		s := pick(p.stmts, a)
		return p.put(s, p.text(pick(p.stmts, b))+"\n"+p.text(s))
	},
	func(p *parts, a, b int) []byte { return p.put(pick(p.stmts, a), p.text(pick(p.stmts, b))) },
	func(p *parts, a, b int) []byte { // one for the other
		s, t := pick(p.stmts, a), pick(p.stmts, b)
		if s.start > t.start {
			s, t = t, s
		}
		if s.end > t.start {
			return p.src
		}
		return slices.Concat(p.src[:s.start], p.src[t.start:t.end], p.src[s.end:t.start], p.src[s.start:s.end], p.src[t.end:])
	},
	func(p *parts, a, b int) []byte { return p.put(pick(p.exprs, a), p.text(pick(p.exprs, b))) },
	func(p *parts, a, b int) []byte {
		s, w := pick(p.stmts, a), around[b%len(around)]
		return p.put(s, w[0]+p.text(s)+w[1])
	},
	func(p *parts, a, b int) []byte {
		s := pick(p.stmts, a)
		return p.put(s, inserts[b%len(inserts)]+"\n"+p.text(s))
	},
	func(p *parts, a, b int) []byte {
		s, w := pick(p.exprs, a), wraps[b%len(wraps)]
		return p.put(s, w[0]+p.text(s)+w[1])
	},
	func(p *parts, a, b int) []byte { // several statements into one
		s, t := pick(p.stmts, a), pick(p.stmts, a+1)
		if s.end > t.start {
			return p.src
		}
		s.end = t.end
		w := around[b%len(around)]
		return p.put(s, w[0]+p.text(s)+w[1])
	},
}

func pick(from []span, n int) span {
	if len(from) == 0 {
		return span{}
	}
	return from[n%len(from)]
}

// mutate changes the files as ops say, three bytes for each mutation. What no longer
// parses after one is left as it was before.
func mutate(files []txtar.File, ops []byte) []txtar.File {
	files = slices.Clone(files)
	for ; len(ops) >= 3 && len(files) > 0; ops = ops[3:] {
		kind, a, b := int(ops[0]), int(ops[1]), int(ops[2])
		i := kind / len(mutations) % len(files)
		p := takeApart(files[i].Data)
		if p == nil {
			continue
		}
		if next := mutations[kind%len(mutations)](p, a, b); takeApart(next) != nil {
			files[i].Data = next
		}
	}
	return files
}
