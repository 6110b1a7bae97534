// Package quote writes names and texts that others chose so that they deceive nobody.
//
// It takes a name, or a text, and gives it for one kind of output: a line of text, a
// terminal, Markdown, HTML, JSON or a cell of a table. What has nothing odd in it stays as it is.
// It never decides whether something may be shown.
package quote

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Name gives a name of a file as a line of text has it: as it is, or as git writes it, in
// double quotes with the escapes of C, where a byte of it is a control character, a quote or
// a backslash, is no part of a character, or belongs to one that cannot be seen or changes
// the direction of what is around it. Other letters stay as they are, as with
// core.quotePath=false.
func Name(name string) string {
	if !odd(name, `"\`) && !commands(name) {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if r != utf8.RuneError && n > 1 && unicode.IsPrint(r) {
			b.WriteString(name[i : i+n])
		} else {
			for _, c := range []byte(name[i : i+n]) {
				WriteByte(&b, c)
			}
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}

// commands reports whether a name is taken for a command by what runs a job and reads its
// output: GitHub's "::name", those of Azure and TeamCity with "##".
func commands(name string) bool { return strings.HasPrefix(name, "::") || strings.Contains(name, "##") }

// WriteByte writes one byte of a name within double quotes, as C and git do.
func WriteByte(b *strings.Builder, c byte) {
	if n := strings.IndexByte("\a\b\t\n\v\f\r\"\\", c); n >= 0 {
		b.WriteByte('\\')
		b.WriteByte(`abtnvfr"\`[n])
	} else if c < ' ' || c > '~' {
		fmt.Fprintf(b, `\%03o`, c)
	} else {
		b.WriteByte(c)
	}
}

// odd reports whether a text has something that is not seen as it is, or one of the bytes
// of special.
func odd(text, special string) bool {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) || strings.ContainsRune(special, r) {
			return true
		}
		i += n
	}
	return false
}

// hidden reports whether a character does something to what is around it instead of being
// seen: controls but for tab and line feed, those that set the direction of text, and those
// that have no width.
func hidden(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0'
}

// Visible gives a text, of a message or a file, with its control characters and those that
// cannot be seen as \x1b or \u202e. Tabs and line feeds stay, and so do bytes that are no
// characters, where bytes up to \x9f could be controls of a terminal's own character set
// and are shown as well.
func Visible(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return hidden(r) || r == utf8.RuneError }) < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n <= 1 && text[i] < 0xa0, hidden(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, min(r, rune(text[i+n-1])))
		case hidden(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}

// JSON returns a writer for whole values of JSON, in which each character that [Visible] would
// show is escaped: whoever looks at the text sees what is there.
func JSON(w io.Writer) io.Writer { return escaping{w} }

type escaping struct{ to io.Writer }

func (e escaping) Write(value []byte) (int, error) {
	if bytes.IndexFunc(value, hidden) < 0 {
		return e.to.Write(value)
	}
	var b bytes.Buffer
	for _, r := range string(value) {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	_, err := e.to.Write(b.Bytes())
	return len(value), err
}

// Line is [Visible] for a text that has to stay on one line: titles, values of variables.
func Line(text string) string {
	return Visible(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, text))
}

// Content is [Visible] for the content of files on a terminal: a carriage return before a line
// feed stays with it, since that is the end of a line.
func Content(text string) string {
	lines := strings.Split(text, "\r\n")
	for i, line := range lines {
		lines[i] = Visible(line)
	}
	return strings.Join(lines, "\r\n")
}

// plain are the bytes that mean nothing to Markdown anywhere in a line.
func plain(c rune) bool {
	return c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("/._-+ ", c))
}

// Markdown gives a name as code in a line of Markdown, also within a table: between
// backquotes where that is safe, else as HTML in which every character that means something
// is a reference.
func Markdown(name string) string {
	if name != "" && !commands(name) && strings.TrimSpace(name) == name && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return "`" + name + "`"
	}
	var b strings.Builder
	b.WriteString("<code>")
	for _, r := range Name(name) {
		if r < utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '/' && r != '-' && r != ' ' {
			fmt.Fprintf(&b, "&#%d;", r) // "www.x" would become a link
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteString("</code>")
	return b.String()
}

// MarkdownText gives words in a line of Markdown that mean nothing to it.
func MarkdownText(text string) string {
	var b strings.Builder
	for _, r := range Line(text) {
		if r < utf8.RuneSelf && strings.ContainsRune("\\`*_{}[]<>#|~@&!", r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Cell gives the text of a cell of a table that no spreadsheet evaluates: one that begins
// as a formula gets an apostrophe before it, which spreadsheets do not show.
func Cell(text string) string {
	text = Visible(text)
	first, _ := utf8.DecodeRuneInString(text)
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}
