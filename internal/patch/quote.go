package patch

import (
	"fmt"
	"strings"
)

// quote writes a path as git does with core.quotePath, its default: as it is, or,
// when a byte in it is a control character, a quote, a backslash or not ASCII, in
// double quotes with C escapes. git apply reads both. Spaces need no quotes, see
// [label].
func quote(path string) string {
	if strings.IndexFunc(path, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) < 0 {
		return path
	}
	var sb strings.Builder
	sb.WriteByte('"')
	for i := range len(path) {
		c := path[i]
		if n := strings.IndexByte("\a\b\t\n\v\f\r\"\\", c); n >= 0 {
			sb.WriteByte('\\')
			sb.WriteByte(`abtnvfr"\`[n])
		} else if c < ' ' || c > '~' {
			fmt.Fprintf(&sb, `\%03o`, c)
		} else {
			sb.WriteByte(c)
		}
	}
	sb.WriteByte('"')
	return sb.String()
}

// label is quote for the "---" and "+++" lines. There, programs take the path to
// end at white space unless a tab ends it, so git adds one to a path with spaces.
func label(path string) string {
	if strings.Contains(path, " ") {
		return quote(path) + "\t"
	}
	return quote(path)
}
