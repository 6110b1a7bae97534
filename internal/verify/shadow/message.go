package shadow

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/pathname"
)

var (
	// "x.go:3:4: ", also with a drive letter and without a column.
	located = regexp.MustCompile(`^((?:[A-Za-z]:)?[^:\n]+):(\d+)(?::(\d+))?: (.*)$`)
	// "x.go:3:4" anywhere inside a message.
	position = regexp.MustCompile("(?:[A-Za-z]:)?[^\\s:\"'`()]+\\.go:\\d+(?::\\d+)?")
	// "defined on line 12", as vet says of what is in the same file.
	lineNumber = regexp.MustCompile(`\blines? \d+(?:-\d+)?\b`)
	// The go command's own temporary directories, which have another name each time.
	workDir = regexp.MustCompile(`[^\s:"']*go-build\d+`)
)

// WithoutPositions drops from a message what changes when lines move.
func WithoutPositions(msg string) string {
	msg = position.ReplaceAllStringFunc(msg, func(at string) string {
		return filepath.Base(at[:strings.Index(at, ".go:")+len(".go")])
	})
	msg = lineNumber.ReplaceAllString(msg, "line")
	return workDir.ReplaceAllString(msg, "$$WORK")
}

// Places say which file of the user a file in a message of the go command is.
type Places struct {
	root  string            // the module, to which messages are relative
	dir   string            // where the go command runs, to which its messages are relative
	files map[string]string // stand-ins of the overlay
	trees []tree            // scratch copies
}

type tree struct{ copy, original string }

// NewPlaces gives the places of a go command that runs in root, where standIns stand for
// the user's files.
func NewPlaces(root string, standIns map[string]string) *Places {
	return &Places{root: root, dir: root, files: standIns}
}

// File gives the absolute path of the user's file.
func (p *Places) File(name string) string {
	if name == "" {
		return ""
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.dir, name)
	}
	name = filepath.Clean(name)
	if original, ok := p.files[name]; ok {
		return original
	}
	for _, t := range p.trees {
		if rel, ok := pathname.Rel(t.copy, name); ok {
			return filepath.Join(t.original, rel)
		}
	}
	return name
}

// in gives the places as seen by a go command that runs in another directory.
func (p *Places) in(dir string) *Places {
	moved := *p
	moved.dir = dir
	return &moved
}

// Message puts the user's files, relative to the module, in the place of stand-ins.
func (p *Places) Message(msg string) string {
	return position.ReplaceAllStringFunc(strings.TrimRight(msg, "\n"), func(at string) string {
		end := strings.Index(at, ".go:") + len(".go")
		name := p.File(at[:end])
		if rel, ok := pathname.Rel(p.root, name); ok {
			name = rel
		}
		return name + at[end:]
	})
}

// Output splits what a compiler, cgo or vet printed into problems.
//
// Lines that begin with "# " name the package, which the caller knows. A line that
// begins with a tab belongs to the one before ("\tb.go:3:6: other declaration of
// B"). "too many errors" is no error.
func (p *Places) Output(text string) []finding.Problem {
	var ps []finding.Problem
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		if line[0] == '\t' && len(ps) > 0 {
			ps[len(ps)-1].Message += "\n" + p.Message(line)
			continue
		}
		problem := p.Located(strings.TrimPrefix(line, "vet: "))
		if problem.Message == "too many errors" {
			continue
		}
		ps = append(ps, problem)
	}
	return ps
}

// Located splits "file:line:col: message". Without a position all is message.
func (p *Places) Located(line string) finding.Problem {
	m := located.FindStringSubmatch(line)
	if m == nil {
		return finding.Problem{Message: p.Message(line)}
	}
	n, _ := strconv.Atoi(m[2])
	col, _ := strconv.Atoi(m[3])
	return finding.Problem{File: p.File(m[1]), Line: n, Col: col, Message: p.Message(m[4])}
}
