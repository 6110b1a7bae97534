// Package pathname checks names of files that somebody else may have chosen, and says where names lead.
//
// It takes the names that are read from an index, a state, a journal or a patch, and gives
// an error for those that this program would never have written there; and names beside a directory. It
// never looks at the file system: what is below a name is for package rooted to know.
package pathname

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLength bounds a name, in bytes: no system of ours takes a longer one.
const maxLength = 4096

// Check reports what is wrong with the name of a file below a root: nil for one that is
// slash-separated, clean, relative, and leads neither out of the root nor into a git
// directory, on any system. The error does not repeat the name.
func Check(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case len(name) > maxLength:
		return fmt.Errorf("is longer than %d bytes", maxLength)
	case !utf8.ValidString(name):
		return errors.New("is not valid UTF-8")
	case strings.ContainsRune(name, 0):
		return errors.New("has a zero byte in it")
	case path.IsAbs(name), strings.Contains(name, `\`), len(name) > 1 && name[1] == ':':
		return errors.New("is not relative and slash-separated")
	case path.Clean(name) != name, name == ".", name == "..", strings.HasPrefix(name, "../"):
		return errors.New("is not a clean path below a root")
	}
	for elem := range strings.SplitSeq(name, "/") {
		if IsGit(elem) {
			return errors.New("leads into a git directory")
		}
	}
	return nil
}

// IsGit reports whether one element of a path is ".git", or is taken for it by some file
// system: without regard to case, with dots and spaces behind it, by its short name or with
// a stream on Windows, with characters in it that nobody sees on macOS.
func IsGit(elem string) bool {
	seen := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
			return -1 // HFS+ does not tell names with these apart
		}
		return r
	}, elem)
	seen, _, _ = strings.Cut(seen, ":") // ".git::$INDEX_ALLOCATION"
	seen = strings.TrimRight(strings.ToLower(seen), ". ")
	return seen == ".git" || seen == "git~1"
}

// HasGit reports whether an element of a path, separated as on any system, is one of those
// that [IsGit] knows.
func HasGit(name string) bool {
	for elem := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if IsGit(elem) {
			return true
		}
	}
	return false
}

// Absolute gives the name of a file that is spelled relative to a directory, with slashes maybe, or by a
// name of its own.
func Absolute(dir, name string) string {
	if name = filepath.FromSlash(name); !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return filepath.Clean(name)
}

// Below reports whether a name is that of a directory, or inside it, by its spelling.
func Below(dir, name string) bool {
	_, ok := Rel(dir, name)
	return ok
}

// Rel gives a name relative to a directory that it is [Below].
func Rel(dir, name string) (rel string, ok bool) {
	rel, err := filepath.Rel(dir, name)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return rel, true
}
