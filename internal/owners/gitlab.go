package owners

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// lab is the rules of GitLab, section by section: in each the last rule that matches counts,
// and the owners of a path are those of all sections.
type lab []*section

// A section holds the rules below headings of one name. Those above every heading are in one
// without a name.
type section struct {
	name     string
	optional bool
	entries  []entry
	excluded []string // patterns
}

// An entry is a line with a pattern, after its translation to doublestar's.
type entry struct {
	pattern string
	owners  []string
}

var (
	// heading is a section's: "^[name][approvals] owners".
	heading = regexp.MustCompile(`^(\^)?\[([^\]]+)\](?:\[[^\]]*\])?(?:\s+(.*))?$`)
	// owner is a user, a group, a role or an email address within a line. Addresses go into
	// commands and titles, so that one with anything else in it than letters, numbers and what is
	// usual between them is none.
	owner = regexp.MustCompile(`^(@@?[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_.\-]+)*|[\pL\pN][\pL\pN._%+=~'-]*@[\pL\pN.-]+\.[\pL\pN]+)$`)
)

// isHeading reports whether a line is the heading of a section. GitHub has no pattern that
// begins like one.
func isHeading(line string) bool { return heading.MatchString(strings.TrimSpace(line)) }

func parseGitLab(f *File, text string) lab {
	out := lab{{}}
	at, defaults := out[0], []string(nil)
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			at, defaults = out.section(m[2], m[1] != ""), f.ownersOn(n, m[3])
			if !slices.Contains(out, at) {
				out = append(out, at)
			}
			continue
		}
		pattern, rest := cutPattern(line)
		if not, ok := strings.CutPrefix(pattern, "!"); ok {
			at.excluded = append(at.excluded, f.glob(n, not)...)
			continue
		}
		e := entry{owners: f.ownersOn(n, rest)}
		if len(e.owners) == 0 {
			e.owners = defaults
		}
		if len(e.owners) == 0 {
			f.problem(n, "%s has no owner", pattern)
		}
		for _, glob := range f.glob(n, pattern) {
			e.pattern = glob
			at.entries = append(at.entries, e)
		}
	}
	return out
}

// section returns the section of a name, in any case, and makes it where there is none. One
// that is required in one place is required.
func (l lab) section(name string, optional bool) *section {
	for _, s := range l[1:] {
		if strings.EqualFold(s.name, name) {
			s.optional = s.optional && optional
			return s
		}
	}
	return &section{name: name, optional: optional}
}

// cutPattern cuts a line behind its pattern, in which a backslash keeps white space.
func cutPattern(line string) (pattern, rest string) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case ' ', '\t':
			return line[:i], line[i:]
		}
	}
	return line, ""
}

// ownersOn returns the owners that the text of a line names. Other words are ignored, as on
// the server; a comment is not one there, so that who is named in it owns as well.
func (f *File) ownersOn(line int, text string) (out []string) {
	for _, word := range strings.Fields(text) {
		switch {
		case owner.MatchString(word):
			out = append(out, word)
		case !strings.Contains(text, "#"):
			f.problem(line, "%q is no owner", word)
		}
	}
	return out
}

// glob translates a pattern as GitLab does before it calls fnmatch: one that does not begin
// with a slash matches at any depth, one that ends with a slash matches all that is below.
// A pattern that nobody can read matches nothing.
func (f *File) glob(line int, pattern string) []string {
	pattern = strings.TrimPrefix(pattern, `\`) // of "\#file"
	if pattern == "*" {
		pattern = "/**/*"
	}
	if !strings.HasPrefix(pattern, "/") {
		pattern = "/**/" + pattern
	}
	if strings.HasSuffix(pattern, "/") {
		pattern += "**/*"
	}
	// Braces mean nothing to fnmatch without another flag.
	var plain strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			plain.WriteByte(c)
			i++
			plain.WriteByte(pattern[i])
		case c == '{' || c == '}':
			plain.WriteString(`\` + string(c))
		default:
			plain.WriteByte(c)
		}
	}
	pattern = plain.String()
	if !doublestar.ValidatePattern(pattern) {
		f.problem(line, "the pattern %s is malformed", pattern)
		return nil
	}
	return []string{pattern}
}

func (l lab) owners(path string) (out []Owner) {
	path = "/" + path
	for _, s := range l {
		matches := func(glob string) bool { return doublestar.MatchUnvalidated(glob, path) }
		if slices.ContainsFunc(s.excluded, matches) {
			continue
		}
		for _, e := range slices.Backward(s.entries) {
			if !matches(e.pattern) {
				continue
			}
			for _, name := range e.owners {
				out = append(out, Owner{name, s.optional})
			}
			break
		}
	}
	return out
}
