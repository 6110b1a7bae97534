package report

import (
	"strings"
	"unicode/utf8"

	"etcdmod/internal/change"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
)

// maxLines is the length, in lines of its hunks, up to which a file is shown.
const maxLines = 5000

// A File is the JSON form of a changed file.
type File struct {
	Path    string `json:"path"`
	Created bool   `json:"created,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
	// Findings are the IDs of those that the change is for. Shared says that it is for all
	// that are rewritten and says nothing of any of them: the helper's own file.
	Findings []string `json:"findings,omitempty"`
	Shared   bool     `json:"shared,omitempty"`
	Added    int      `json:"added"`
	Removed  int      `json:"removed"`
	// From is the unit whose patch has the change, if that is another one: the prelude of the
	// module.
	From  string `json:"from,omitempty"`
	Hunks []Hunk `json:"hunks,omitempty"`
	// Omitted says why there are no hunks although the content changes.
	Omitted string `json:"omitted,omitempty"`
}

// A Hunk is the JSON form of a hunk. Lines count from 1.
type Hunk struct {
	Old     int    `json:"old"`
	New     int    `json:"new"`
	Heading string `json:"heading,omitempty"`
	Lines   []Line `json:"lines"`
}

// A Line is the JSON form of a line of a hunk.
type Line struct {
	Op     string       `json:"op"`   // " ", "-" or "+"
	Text   string       `json:"text"` // with its line ending, if the file has it
	Marks  []patch.Span `json:"marks,omitempty"`
	Syntax []Token      `json:"syntax,omitempty"`
}

// diffs gives the changes of a module as data.
func diffs(res *pipeline.Result) ([]File, error) {
	var changes []change.Change
	var out []File
	for _, c := range res.Written() {
		changes = append(changes, c.At(res.Module.Rel(c.Path)))
	}
	files, err := patch.Files(changes)
	if err != nil {
		return nil, err
	}
	byPath := map[string]File{}
	for _, c := range res.Written() {
		f := File{Path: res.Module.Rel(c.Path)}
		f.Findings, f.Shared = Served(res, c)
		byPath[f.Path] = f
	}
	for _, d := range files {
		f := byPath[d.Path]
		var old, now [][]Token
		if strings.HasSuffix(f.Path, ".go") {
			old, now = tokens(d.Old), tokens(d.New)
		}
		f.fill(d, func(h patch.Hunk) (_, _ [][]Token) {
			return old[min(h.OldLine-1, len(old)):], now[min(h.NewLine-1, len(now)):]
		})
		out = append(out, f)
	}
	return out, nil
}

// Diffs gives the changes in a patch of etcdmod as data. It does not know what the changes
// are for, and takes a hunk that begins within a comment or a string for code.
func Diffs(text []byte) ([]File, error) {
	files, err := patch.Parse(text)
	if err != nil {
		return nil, err
	}
	var out []File
	for _, d := range files {
		f := File{Path: d.Path}
		f.fill(d, func(h patch.Hunk) (old, now [][]Token) {
			if strings.HasSuffix(f.Path, ".go") {
				old, now = tokens(h.Side(patch.Delete)), tokens(h.Side(patch.Insert))
			}
			return old, now
		})
		out = append(out, f)
	}
	return out, nil
}

// fill takes over what changes in a file. colours gives the tokens of the lines on both sides
// of a hunk.
func (f *File) fill(d patch.File, colours func(patch.Hunk) (old, now [][]Token)) {
	f.Created, f.Deleted = d.Created, d.Deleted
	n, text := 0, utf8.Valid(d.Old) && utf8.Valid(d.New)
	for _, h := range d.Hunks {
		n += len(h.Lines)
		for _, l := range h.Lines {
			switch l.Op {
			case patch.Insert:
				f.Added++
			case patch.Delete:
				f.Removed++
			}
			text = text && utf8.ValidString(l.Text)
		}
	}
	switch {
	case vendored(f.Path):
		f.Omitted = "vendored"
		return
	case n > maxLines:
		f.Omitted = "too long"
		return
	case !text:
		f.Omitted = "not text"
		return
	}
	for _, h := range d.Hunks {
		out := Hunk{Old: h.OldLine, New: h.NewLine, Heading: h.Heading}
		old, now := colours(h)
		for _, l := range h.Lines {
			line := Line{Op: string(l.Op), Text: l.Text, Marks: l.Marks}
			if l.Op != patch.Delete {
				line.Syntax, now = next(now)
			}
			if l.Op != patch.Insert {
				line.Syntax, old = next(old)
			}
			out.Lines = append(out.Lines, line)
		}
		f.Hunks = append(f.Hunks, out)
	}
}

// vendored reports whether a file is in a vendor directory.
func vendored(path string) bool { return strings.Contains("/"+path, "/vendor/") }

// next takes the first of lines, if there is one.
func next(lines [][]Token) ([]Token, [][]Token) {
	if len(lines) == 0 {
		return nil, nil
	}
	return lines[0], lines[1:]
}
