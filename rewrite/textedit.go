package rewrite

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"sort"
)

// A textEdit replaces the bytes [start, end) of a file.
type textEdit struct {
	start, end int
	text       string
}

// edits is a set of textEdits of one file, sorted by apply.
type edits []textEdit

// apply returns src with the edits made. Equal edits count once; overlapping ones are
// an error.
func (es *edits) apply(src []byte) ([]byte, error) {
	sort.Slice(*es, func(i, j int) bool {
		a, b := (*es)[i], (*es)[j]
		if a.start != b.start {
			return a.start < b.start
		}
		return a.end < b.end
	})
	unique := (*es)[:0]
	for i, e := range *es {
		if i > 0 && e == (*es)[i-1] {
			continue
		}
		unique = append(unique, e)
	}
	*es = unique
	var out bytes.Buffer
	at := 0
	for _, e := range *es {
		if e.start < at || e.end < e.start || e.end > len(src) {
			return nil, fmt.Errorf("overlapping edits at offset %d", e.start)
		}
		out.Write(src[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(src[at:])
	return out.Bytes(), nil
}

// moved returns where the byte at offset went.
func (es edits) moved(offset int) int {
	shift := 0
	for _, e := range es {
		if e.start >= offset {
			break
		}
		shift += len(e.text) - (e.end - e.start)
	}
	return offset + shift
}

// A parsed is one version of a file's bytes with its syntax.
type parsed struct {
	src  []byte
	fset *token.FileSet
	file *ast.File
}

func parse(src []byte) (*parsed, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &parsed{src, fset, f}, nil
}

func (p *parsed) offset(pos token.Pos) int { return p.fset.PositionFor(pos, false).Offset }

// span returns the bytes of a declaration without its doc comment.
func (p *parsed) span(d ast.Decl) (start, end int) { return p.offset(d.Pos()), p.offset(d.End()) }

// declAt returns the index of the declaration that holds the byte at offset, or -1.
func (p *parsed) declAt(offset int) int {
	for i, d := range p.file.Decls {
		if start, end := p.span(d); start <= offset && offset < end {
			return i
		}
	}
	return -1
}

// clean drops the carriage returns of a file with CRLF line ends: gofmt has none.
func clean(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// isCRLF reports whether most lines of src end with CRLF.
func isCRLF(src []byte) bool {
	n := bytes.Count(src, []byte("\n"))
	return n > 0 && 2*bytes.Count(src, []byte("\r\n")) > n
}

// withLineEnds gives text the line ends of the file that it goes into.
func withLineEnds(text []byte, crlf bool) []byte {
	text = clean(text)
	if crlf {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	return text
}

// formatted returns the text of each declaration as gofmt prints it, or an error if the
// file cannot be formatted.
func formatted(src []byte) (*parsed, error) {
	out, err := format.Source(clean(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))))
	if err != nil {
		return nil, err
	}
	return parse(out)
}

// realign gives the declarations that token edits touched the layout of gofmt, where
// they had it before: a shorter type name moves the columns beside it.
func realign(before, after []byte, es edits) ([]byte, error) {
	old, err := parse(before)
	if err != nil {
		return nil, err
	}
	fmtOld, err := formatted(before)
	if err != nil {
		return nil, err
	}
	now, err := parse(after)
	if err != nil {
		return nil, err
	}
	fmtNow, err := formatted(after)
	if err != nil {
		return nil, err
	}
	if n := len(old.file.Decls); n != len(fmtOld.file.Decls) || n != len(now.file.Decls) || n != len(fmtNow.file.Decls) {
		return nil, fmt.Errorf("the edit changed the number of declarations")
	}
	touched := map[int]bool{}
	for _, e := range es {
		touched[old.declAt(e.start)] = true
	}
	var splices edits
	crlf := isCRLF(before)
	for i := range old.file.Decls {
		if !touched[i] {
			continue
		}
		if !bytes.Equal(clean(declText(old, i)), declText(fmtOld, i)) {
			continue // it was not gofmt-clean: only the tokens change
		}
		start, end := now.span(now.file.Decls[i])
		splices = append(splices, textEdit{start, end, string(withLineEnds(declText(fmtNow, i), crlf))})
	}
	return splices.apply(after)
}

func declText(p *parsed, i int) []byte {
	start, end := p.span(p.file.Decls[i])
	return p.src[start:end]
}
