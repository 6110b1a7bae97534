// Package owners tells who owns the files of a repository, by its CODEOWNERS file.
//
// It takes the text of a CODEOWNERS file in the syntax of GitHub or GitLab and gives the
// owners of a path. It never asks a server: whether an owner exists, may approve, or has to,
// is not known here. Owners are spelled as in the file, with their "@".
package owners

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"etcdmod/internal/rooted"
)

// A Syntax is that of a CODEOWNERS file.
type Syntax int

// The syntaxes. Auto takes a file for GitLab's when it is in .gitlab, or when one of its lines
// is the heading of a section.
const (
	Auto Syntax = iota
	GitHub
	GitLab
)

// A Problem is a line that says nothing, in part or as a whole.
type Problem struct {
	Line    int // counts from 1
	Message string
}

// A File is a parsed CODEOWNERS file.
type File struct {
	// Name is slash-separated and relative to the root of the repository.
	Name     string
	Syntax   Syntax
	Problems []Problem

	rules interface{ owners(path string) []Owner }
}

// An Owner of a path.
type Owner struct {
	Name string // "@user", "@org/team", "@@role" or "user@example.com"
	// Optional says that GitLab does not require their approval.
	Optional bool
}

// places are where GitHub and GitLab look for the file. Where there are several, GitHub takes
// that of .github before the others, and GitLab that of .gitlab last.
var places = []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}

// Find reads the CODEOWNERS file of the repository with the given root. It returns nil where
// there is none.
func Find(root string) (*File, error) {
	for _, name := range places {
		f, err := Read(root, name, Auto)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return f, err
	}
	return nil, nil
}

// Read reads a CODEOWNERS file, by its name relative to the root of the repository.
func Read(root, name string, syntax Syntax) (*File, error) {
	data, err := rooted.ReadFile(root, name, rooted.Owners)
	if err != nil {
		return nil, fmt.Errorf("cannot read the owners of files: %w", err)
	}
	return Parse(name, string(data), syntax)
}

// form is what the names of owners look like, whichever host they are for.
var form = regexp.MustCompile(`^(?:@{1,2}[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)*|[\pL\pN._%+][\pL\pN._%+=~'-]*@[\pL\pN.-]+)$`)

// IsOwner reports whether a name is one that [File.Of] gives.
func IsOwner(name string) bool { return form.MatchString(name) }

// maxLines is how many lines a file may have: those of the biggest repositories have some
// thousands. Each line may match each file, and costs some kilobytes of memory.
const maxLines = 20_000

// Parse parses the text of a CODEOWNERS file. What makes no sense in it becomes a problem, as
// on the servers, which go on without that line. A file with more lines than anybody writes is
// an error: a part of it would name the wrong owners.
func Parse(name, text string, syntax Syntax) (*File, error) {
	if n := strings.Count(text, "\n"); n > maxLines {
		return nil, fmt.Errorf("cannot read the owners of files: %w", &rooted.UnfitError{Path: name, Why: fmt.Sprintf("has %d lines, and no more than %d are read", n, maxLines)})
	}
	text = strings.TrimPrefix(text, "\ufeff")
	if syntax == Auto {
		syntax = GitHub
		if strings.HasPrefix(filepath.ToSlash(name), ".gitlab/") || slices.ContainsFunc(strings.Split(text, "\n"), isHeading) {
			syntax = GitLab
		}
	}
	f := &File{Name: name, Syntax: syntax}
	if syntax == GitLab {
		f.rules = parseGitLab(f, text)
	} else {
		f.rules = parseGitHub(f, text)
	}
	return f, nil
}

func (f *File) problem(line int, format string, args ...any) {
	f.Problems = append(f.Problems, Problem{line, fmt.Sprintf(format, args...)})
}

// Of returns the owners of a file, given by its slash-separated path relative to the root of
// the repository: each once, in the order of the CODEOWNERS file. Who is optional in one
// section and not in another is not optional. A nil File owns nothing.
func (f *File) Of(path string) []Owner {
	if f == nil {
		return nil
	}
	var out []Owner
	for _, o := range f.rules.owners(strings.TrimPrefix(path, "/")) {
		i := slices.IndexFunc(out, func(have Owner) bool { return have.Name == o.Name })
		if i < 0 {
			out = append(out, o)
			continue
		}
		out[i].Optional = out[i].Optional && o.Optional
	}
	return out
}
