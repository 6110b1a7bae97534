package patch

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/fatih/color"
)

// A printer writes file diffs. Without colours its output is the plain patch.
type printer struct {
	buf     *bytes.Buffer
	colours *palette // nil for none
	marker  highlighter
}

// file writes one file: its header as git writes it, then its hunks.
func (p *printer) file(f fileDiff) {
	mode := "100644"
	if f.Executable {
		mode = "100755"
	}
	from, to := "a/"+f.Path, "b/"+f.Path
	oldBlob, newBlob := blobName(f.Old), blobName(f.New)
	p.meta("diff --git " + quote(from) + " " + quote(to))
	if f.Created {
		p.meta("new file mode " + mode)
		oldBlob = noBlob
	}
	if f.Deleted {
		p.meta("deleted file mode " + mode)
		newBlob = noBlob
	}
	// For a modified file git adds the mode here. It is not known, and a wrong one
	// makes git apply warn.
	p.meta("index " + oldBlob + ".." + newBlob)
	if len(f.hunks) == 0 {
		return // an empty file, created or deleted: git prints nothing more
	}
	if f.Created {
		p.meta("--- /dev/null")
	} else {
		p.meta("--- " + label(from))
	}
	if f.Deleted {
		p.meta("+++ /dev/null")
	} else {
		p.meta("+++ " + label(to))
	}
	for _, h := range f.hunks {
		p.hunk(h)
	}
}

func (p *printer) meta(line string) {
	p.styled(p.style(styleMeta), line)
	p.buf.WriteByte('\n')
}

func (p *printer) hunk(h hunk) {
	p.styled(p.style(styleRange), "@@ -"+lineRange(h.oldStart, h.oldCount)+" +"+lineRange(h.newStart, h.newCount)+" @@")
	if h.heading != "" {
		p.buf.WriteByte(' ')
		p.buf.WriteString(h.heading)
	}
	p.buf.WriteByte('\n')

	for lines := h.lines; len(lines) > 0; {
		if lines[0].op == opEqual {
			p.line(lines[0], nil)
			lines = lines[1:]
			continue
		}
		n := 0
		for n < len(lines) && lines[n].op != opEqual {
			n++
		}
		p.change(lines[:n])
		lines = lines[n:]
	}
}

// change writes adjacent removed and added lines.
func (p *printer) change(lines []hunkLine) {
	var marks [][]span
	if p.colours != nil {
		marks = p.marker.change(lines)
	}
	for i, l := range lines {
		if marks == nil {
			p.line(l, nil)
		} else {
			p.line(l, marks[i])
		}
	}
}

// line writes one line of a hunk. The parts of its text in marks, which are in
// order, stand out.
func (p *printer) line(l hunkLine, marks []span) {
	text := chomp(l.text)
	ending := l.text[len(text):]

	plain, strong := p.style(styleNone), p.style(styleNone)
	switch l.op {
	case opDelete:
		plain, strong = p.style(styleDelete), p.style(styleDeleteStrong)
	case opInsert:
		plain, strong = p.style(styleInsert), p.style(styleInsertStrong)
	}
	head, at := string(l.op), 0
	for _, s := range marks {
		p.styled(plain, head+text[at:s.from])
		p.styled(strong, text[s.from:s.to])
		head, at = "", s.to
	}
	p.styled(plain, head+text[at:])

	// The ending stays outside of the colours, or a terminal would paint the rest
	// of the row.
	p.buf.WriteString(ending)
	if !strings.HasSuffix(ending, "\n") {
		p.buf.WriteString("\n\\ No newline at end of file\n")
	}
}

// styled writes text in style, or as it is when style is nil.
func (p *printer) styled(style *color.Color, text string) {
	if style == nil || text == "" {
		p.buf.WriteString(text)
		return
	}
	p.buf.WriteString(style.Sprint(text))
}

// chomp gives a line without its line ending, "\n" or "\r\n".
func chomp(line string) string {
	if text, ok := strings.CutSuffix(line, "\n"); ok {
		return strings.TrimSuffix(text, "\r")
	}
	return line
}

// lineRange writes a range of lines as unified diffs do: lines count from 1, a count
// of 1 is left out, and an empty range is named by the line before it.
func lineRange(start, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", start)
	case 1:
		return fmt.Sprintf("%d", start+1)
	default:
		return fmt.Sprintf("%d,%d", start+1, count)
	}
}
