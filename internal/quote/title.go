package quote

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// hosted matches what hosts of code take for a command in the title of a commit, or of what is
// reviewed: "#12" or "#done", or "ABC-12" behind a word that closes, "@somebody", "[skip ci]" and
// "***NO_CI***", for which no job runs. A language with a sharp, or a directory such as "[id]", is none.
var hosted = regexp.MustCompile(`#[\pL\pN#]|(?i)\[[\w -]*(?:skip|no[ _-]?ci)|\*\*\*` +
	`|(?:^|[^A-Za-z0-9_])@[A-Za-z0-9]` +
	`|(?i)\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)[:\s]+[\w/.-]*[a-z]-[0-9]`)

// Commands reports whether a title has what a host of code takes for a command.
func Commands(title string) bool { return hosted.MatchString(title) }

// Title is [Name] for a title, of a commit and of what is reviewed: in a name with what would be a
// command there, all that commands have in common is escaped.
func Title(name string) string {
	if !Commands(name) {
		return Name(name)
	}
	return quoted(name, "#[@*: \t")
}

// quoted writes a name in double quotes, with the escapes of C for what cannot be seen, and those of
// [Message] for the bytes of special.
func quoted(name, special string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		switch {
		case n > 1 && seen(r):
			b.WriteString(name[i : i+n])
		case n == 1 && strings.IndexByte(special, name[i]) >= 0:
			fmt.Fprintf(&b, `\x%02x`, name[i]) // octal ones the echo of some shells undoes
		default:
			for _, c := range []byte(name[i : i+n]) {
				WriteByte(&b, c)
			}
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}
