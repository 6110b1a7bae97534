package report

import (
	"strings"
	"unicode/utf8"

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
	// Findings are indices of those that the change is for. Shared says that it is for all
	// that are rewritten and says nothing of any of them: the helper's own file.
	Findings []int  `json:"findings,omitempty"`
	Shared   bool   `json:"shared,omitempty"`
	Added    int    `json:"added"`
	Removed  int    `json:"removed"`
	Hunks    []Hunk `json:"hunks,omitempty"`
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
	var changes []patch.Change
	var out []File
	for _, c := range res.Changes {
		changes = append(changes, patch.Change{Path: res.Module.Rel(c.Path), Old: c.Old, New: c.New, Created: c.Created, Deleted: c.Deleted})
	}
	files, err := patch.Files(changes)
	if err != nil {
		return nil, err
	}
	byPath := map[string]File{}
	for _, c := range res.Changes {
		f := File{Path: res.Module.Rel(c.Path)}
		f.Findings, f.Shared = served(res, c)
		byPath[f.Path] = f
	}
	for _, d := range files {
		f := byPath[d.Path]
		f.fill(d)
		out = append(out, f)
	}
	return out, nil
}

// fill takes over what changes in a file.
func (f *File) fill(d patch.File) {
	f.Created, f.Deleted = d.Created, d.Deleted
	n := 0
	for _, h := range d.Hunks {
		n += len(h.Lines)
		for _, l := range h.Lines {
			switch l.Op {
			case patch.Insert:
				f.Added++
			case patch.Delete:
				f.Removed++
			}
		}
	}
	switch {
	case strings.HasPrefix("/"+f.Path, "/vendor/") || strings.Contains(f.Path, "/vendor/"):
		f.Omitted = "vendored"
		return
	case n > maxLines:
		f.Omitted = "too long"
		return
	case !utf8.Valid(d.Old) || !utf8.Valid(d.New):
		f.Omitted = "not text"
		return
	}
	var colours [2][][]Token
	if strings.HasSuffix(f.Path, ".go") {
		colours = [2][][]Token{tokens(d.Old), tokens(d.New)}
	}
	for _, h := range d.Hunks {
		out := Hunk{Old: h.OldLine, New: h.NewLine, Heading: h.Heading}
		at := [2]int{h.OldLine - 1, h.NewLine - 1} // indices of the next line on either side
		for _, l := range h.Lines {
			line := Line{Op: string(l.Op), Text: l.Text, Marks: l.Marks}
			side := 0
			if l.Op == patch.Insert {
				side = 1
			}
			if at[side] < len(colours[side]) {
				line.Syntax = colours[side][at[side]]
			}
			if l.Op != patch.Insert {
				at[0]++
			}
			if l.Op != patch.Delete {
				at[1]++
			}
			out.Lines = append(out.Lines, line)
		}
		f.Hunks = append(f.Hunks, out)
	}
}
