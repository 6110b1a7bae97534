package patch

import "etcdmod/internal/change"

// A File is a changed file with its hunks, for those who show a patch in another form.
type File struct {
	change.Change
	Hunks []Hunk
}

// A Hunk changes a range of lines, with the lines around it.
type Hunk struct {
	OldLine, NewLine int    // number of the first line on either side, from 1
	Heading          string // the declaration that it is in; may be empty
	Lines            []Line
}

// Side gives the lines of the hunk as they are before, for Delete, or after, for Insert.
func (h Hunk) Side(op byte) []byte {
	var b []byte
	for _, l := range h.Lines {
		if l.Op == op || l.Op == Equal {
			b = append(b, l.Text...)
		}
	}
	return b
}

// The operations of a [Line].
const (
	Equal  = opEqual
	Delete = opDelete
	Insert = opInsert
)

// A Line is one line of a hunk.
type Line struct {
	Op   byte   // Equal, Delete or Insert
	Text string // with its line ending, if the file has it
	// Marks are the parts that differ from the line's counterpart on the other side, in
	// order; none where it has no counterpart, or little in common with it. The n-th of
	// adjacent removed lines and the n-th of the added ones behind them are counterparts.
	Marks []Span
}

// A Span is a part of a text, in bytes.
type Span struct{ From, To int }

// Files gives the patch for changes as data: the files and hunks that Unified prints, in
// its order and with its errors.
func Files(changes []change.Change) ([]File, error) {
	diffs, err := plan(changes)
	if err != nil {
		return nil, err
	}
	var marker highlighter
	var files []File
	for _, d := range diffs {
		f := File{Change: d.Change}
		for _, h := range d.hunks {
			f.Hunks = append(f.Hunks, marker.hunk(h))
		}
		files = append(files, f)
	}
	return files, nil
}

// hunk finds what changed within the lines of a hunk.
func (m *highlighter) hunk(h hunk) Hunk {
	out := Hunk{OldLine: h.oldStart + 1, NewLine: h.newStart + 1, Heading: h.heading}
	for _, l := range h.lines {
		out.Lines = append(out.Lines, Line{Op: l.op, Text: l.text})
	}
	for i := 0; i < len(h.lines); {
		n := i
		for n < len(h.lines) && h.lines[n].op != opEqual {
			n++
		}
		for j, marks := range m.change(h.lines[i:n]) {
			for _, s := range marks {
				out.Lines[i+j].Marks = append(out.Lines[i+j].Marks, Span{s.from, s.to})
			}
		}
		i = n + 1
	}
	return out
}
