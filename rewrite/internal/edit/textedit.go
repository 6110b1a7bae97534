package edit

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"sort"
)

// An Edit replaces the bytes [Start, End) of a file.
type Edit struct {
	Start, End int
	Text       string
}

// Edits are edits of one file. Apply sorts them.
type Edits []Edit

// Apply returns src with the edits made. Equal edits count once; overlapping ones are
// an error.
func (es *Edits) Apply(src []byte) ([]byte, error) {
	sort.Slice(*es, func(i, j int) bool {
		a, b := (*es)[i], (*es)[j]
		if a.Start != b.Start {
			return a.Start < b.Start
		}
		return a.End < b.End
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
		if e.Start < at || e.End < e.Start || e.End > len(src) {
			return nil, fmt.Errorf("overlapping edits at offset %d", e.Start)
		}
		out.Write(src[at:e.Start])
		out.WriteString(e.Text)
		at = e.End
	}
	out.Write(src[at:])
	return out.Bytes(), nil
}

// Moved returns where the byte at offset went.
func (es Edits) Moved(offset int) int {
	shift := 0
	for _, e := range es {
		if e.Start >= offset {
			break
		}
		shift += len(e.Text) - (e.End - e.Start)
	}
	return offset + shift
}

// A Version is one version of a file's bytes with its syntax.
type Version struct {
	src  []byte
	Fset *token.FileSet
	File *ast.File
}

// Parse reads a version of a file.
func Parse(src []byte) (*Version, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &Version{src, fset, f}, nil
}

// Offset returns the offset of a position in the bytes of the version.
func (p *Version) Offset(pos token.Pos) int { return p.Fset.PositionFor(pos, false).Offset }

// Span returns the bytes of a declaration without its doc comment.
func (p *Version) Span(d ast.Decl) (start, end int) { return p.Offset(d.Pos()), p.Offset(d.End()) }

// DeclAt returns the index of the declaration that holds the byte at offset, or -1.
func (p *Version) DeclAt(offset int) int {
	for i, d := range p.File.Decls {
		if start, end := p.Span(d); start <= offset && offset < end {
			return i
		}
	}
	return -1
}

// clean drops the carriage returns of a file with CRLF line ends: gofmt has none.
func clean(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// IsCRLF reports whether most lines of src end with CRLF.
func IsCRLF(src []byte) bool {
	n := bytes.Count(src, []byte("\n"))
	return n > 0 && 2*bytes.Count(src, []byte("\r\n")) > n
}

// WithLineEnds gives text the line ends of the file that it goes into.
func WithLineEnds(text []byte, crlf bool) []byte {
	text = clean(text)
	if crlf {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	return text
}

// formatted returns the text of each declaration as gofmt prints it, or an error if the
// file cannot be formatted.
func formatted(src []byte) (*Version, error) {
	out, err := format.Source(clean(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))))
	if err != nil {
		return nil, err
	}
	return Parse(out)
}

// Realign gives the declarations that token edits touched the layout of gofmt, where
// they had it before: a shorter type name moves the columns beside it.
func Realign(before, after []byte, es Edits) ([]byte, error) {
	old, err := Parse(before)
	if err != nil {
		return nil, err
	}
	fmtOld, err := formatted(before)
	if err != nil {
		return nil, err
	}
	now, err := Parse(after)
	if err != nil {
		return nil, err
	}
	fmtNow, err := formatted(after)
	if err != nil {
		return nil, err
	}
	if n := len(old.File.Decls); n != len(fmtOld.File.Decls) || n != len(now.File.Decls) || n != len(fmtNow.File.Decls) {
		return nil, fmt.Errorf("the edit changed the number of declarations")
	}
	touched := map[int]bool{}
	for _, e := range es {
		touched[old.DeclAt(e.Start)] = true
	}
	var splices Edits
	crlf := IsCRLF(before)
	for i := range old.File.Decls {
		if !touched[i] {
			continue
		}
		if !bytes.Equal(clean(DeclText(old, i)), DeclText(fmtOld, i)) {
			continue // it was not gofmt-clean: only the tokens change
		}
		start, end := now.Span(now.File.Decls[i])
		splices = append(splices, Edit{start, end, string(WithLineEnds(DeclText(fmtNow, i), crlf))})
	}
	return splices.Apply(after)
}

// DeclText returns the bytes of the declaration with an index, without its doc comment.
func DeclText(p *Version, i int) []byte {
	start, end := p.Span(p.File.Decls[i])
	return p.src[start:end]
}
