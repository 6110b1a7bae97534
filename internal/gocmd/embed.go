package gocmd

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"etcdmod/internal/rooted"
)

// embedded reports whether a file is too big to be compiled into something, and a package around
// it asks for that: the go command and the compiler read all of it. Big files that nobody embeds
// are data, and no matter of theirs. Embedded links, pipes and devices the go command refuses itself.
func embedded(name string) bool {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() <= int64(rooted.Content) {
		return false
	}
	for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
		if rel, err := filepath.Rel(dir, name); err == nil && embeds(dir, filepath.ToSlash(rel)) {
			return true
		}
		if isModule(dir) || dir == filepath.Dir(dir) { // patterns reach no file of another module
			return false
		}
	}
}

// embeds reports whether a Go file in a directory embeds a file below it, or a directory of that.
func embeds(dir, rel string) bool {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		if filepath.Ext(e.Name()) != ".go" {
			continue
		}
		data, err := rooted.ReadNamed(filepath.Join(dir, e.Name()), rooted.GoFile)
		if err != nil {
			continue // found by itself
		}
		for _, m := range embedding.FindAllSubmatch(data, -1) {
			for _, word := range pattern.FindAllString(string(m[1]), -1) {
				if plain, err := strconv.Unquote(word); err == nil {
					word = plain
				}
				if within(strings.TrimPrefix(word, "all:"), rel) {
					return true
				}
			}
		}
	}
	return false
}

var (
	embedding = regexp.MustCompile(`(?m)^[ \t]*//go:embed[ \t]+(.*)$`)
	pattern   = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|\\S+")
)

// within reports whether a pattern matches a name or a directory that it is in.
func within(pattern, rel string) bool {
	for ; rel != "."; rel = path.Dir(rel) {
		if ok, _ := path.Match(pattern, rel); ok {
			return true
		}
	}
	return pattern == "."
}
