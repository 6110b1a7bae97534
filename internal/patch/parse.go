package patch

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"etcdmod/internal/change"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Parse reads a patch that [Unified] has given, and is [Files] of the changes that it was
// made from, but for the contents of the files, which a patch does not have.
func Parse(diff []byte) ([]File, error) {
	parsed, preamble, err := gitdiff.Parse(bytes.NewReader(diff))
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	if preamble != "" {
		return nil, fmt.Errorf("patch: it begins with %q", firstOf(preamble))
	}
	var marker highlighter
	var files []File
	for _, p := range parsed {
		if p.IsBinary || p.IsRename || p.IsCopy {
			return nil, fmt.Errorf("patch: path %q: more than a change of lines", p.NewName)
		}
		for _, mode := range []os.FileMode{p.OldMode, p.NewMode} {
			if kind := mode &^ 0o777; mode != 0 && kind != 0o100000 {
				return nil, fmt.Errorf("patch: path %q: mode %o is not that of a file; links and submodules are no changes of this program", p.NewName, mode)
			}
		}
		f := File{Change: change.Change{Path: p.NewName, Created: p.IsNew, Deleted: p.IsDelete}}
		mode := p.NewMode
		if f.Deleted {
			f.Path, mode = p.OldName, p.OldMode
		}
		f.Executable = mode&0o111 != 0
		if err := check(change.Change{Path: f.Path}); err != nil {
			return nil, fmt.Errorf("patch: path %q: %w", f.Path, err)
		}
		for _, t := range p.TextFragments {
			h := hunk{oldStart: start(t.OldPosition, t.OldLines), newStart: start(t.NewPosition, t.NewLines), heading: t.Comment}
			for _, l := range t.Lines {
				h.lines = append(h.lines, hunkLine{l.Op.String()[0], l.Line})
			}
			f.Hunks = append(f.Hunks, marker.hunk(h))
		}
		files = append(files, f)
	}
	return files, nil
}

// start is the inverse of [lineRange], for the first of count lines.
func start(line, count int64) int {
	if count == 0 {
		return int(line)
	}
	return int(line) - 1
}

func firstOf(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
