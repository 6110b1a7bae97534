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
	"regexp"
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
	return quoted(name, "")
}

// commands reports whether a name is taken for a command by what runs a job and reads its
// output: GitHub's "::name", also behind spaces, and those of GitHub, Azure and TeamCity with "##"
// anywhere in a line.
func commands(name string) bool {
	return strings.HasPrefix(strings.TrimSpace(name), "::") || strings.Contains(name, "##")
}

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
		if r == utf8.RuneError && n <= 1 || !seen(r) || strings.ContainsRune(special, r) {
			return true
		}
		i += n
	}
	return false
}

// seen reports whether a character of a name is one that can be seen.
func seen(r rune) bool { return unicode.IsPrint(r) && !hidden(r) }

// unseen are the characters that are not seen, or do something to what is around them instead:
// controls, those that set the direction of text, those that have no width, also in names of
// letters, and a letter of Braille without a dot.
var unseen = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
	{R16: []unicode.Range16{{Lo: '\u2800', Hi: '\u2800', Stride: 1}}},
}

// hidden reports whether a character is one of unseen; tab and line feed are not.
func hidden(r rune) bool { return r != '\n' && r != '\t' && unicode.In(r, unseen...) }

// Visible gives a text, of a message or a file, with its control characters, those that cannot
// be seen and bytes that are no characters as \x1b, \u202e or \xff. Tabs and line feeds stay.
func Visible(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return hidden(r) || r == utf8.RuneError }) < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n <= 1, hidden(r) && r < 0x100:
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

// Message is [Visible] for lines that a job prints: what would be a command to what runs the job
// is none, wherever the words of a compiler have it.
func Message(text string) string {
	text = Visible(text)
	if !strings.Contains(text, "::") && !strings.Contains(text, "##") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if rest := strings.TrimLeftFunc(line, unicode.IsSpace); strings.HasPrefix(rest, "::") {
			lines[i] = line[:len(line)-len(rest)] + `\x3a` + rest[1:]
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "##", `#\x23`)
}

// JSON returns a writer for whole values of JSON, in which each character that [Visible] would
// show is escaped, and so is what [Message] would change: whoever looks at the text sees what is
// there. U+FFFD, for which encoders write an escape where they were given bytes that are no
// characters, is one in any case, so that what is read and written again stays as it is.
func JSON(w io.Writer) io.Writer { return escaping{w} }

type escaping struct{ to io.Writer }

func (e escaping) Write(value []byte) (int, error) {
	escaped := func(r rune) bool { return hidden(r) || r == utf8.RuneError }
	if bytes.IndexFunc(value, escaped) < 0 && !bytes.Contains(value, []byte("##")) {
		return e.to.Write(value)
	}
	var b bytes.Buffer
	before := rune(0)
	for _, r := range string(value) {
		switch {
		case r == '#' && before == '#': // within a string, as all that is not ASCII
			b.WriteString(`\u0023`)
		case !escaped(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		before = r
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

// plain reports whether a character means nothing to Markdown between backquotes, nor to a host in
// a commit message.
func plain(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && !hidden(r) || strings.ContainsRune("/._-+ ,;()=~%'!?", r)
}

// Markdown gives a name as code in a line of Markdown, also within a table: between
// backquotes where that is safe, else as HTML in which every character that means something
// is a reference.
func Markdown(name string) string {
	if name != "" && !commands(name) && strings.TrimSpace(name) == name && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return "`" + name + "`"
	}
	return references(Name(name))
}

// MarkdownCommand is [Markdown] for a command that somebody copies: what a shell needs in it stays.
func MarkdownCommand(command string) string {
	if !odd(command, "`\n") && strings.ContainsAny(command, `"\`) {
		return references(command)
	}
	return Markdown(command)
}

// references gives a text as code in which every character that means something is a reference.
func references(text string) string {
	var b strings.Builder
	b.WriteString("<code>")
	for _, r := range text {
		if r < utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '/' && r != '-' && r != ' ' {
			fmt.Fprintf(&b, "&#%d;", r) // "www.x" would become a link
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteString("</code>")
	return b.String()
}

// reference matches what Markdown takes for a character, and a host for one of its pages.
var reference = regexp.MustCompile(`^&(?:[0-9]|#|[A-Za-z][A-Za-z0-9]*;)`)

// MarkdownText gives words in a line of Markdown that mean nothing to it. What means something only
// in other places, as an underscore within a word does nowhere, stays as it is.
func MarkdownText(text string) string {
	var b strings.Builder
	runes := []rune(Line(text))
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return ' '
		}
		return runes[i]
	}
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for i, r := range runes {
		before, after := at(i-1), at(i+1)
		means := false
		switch r {
		case '_':
			means = !word(before) || !word(after)
		case '@':
			means = !word(before)
		case '#':
			means = !word(before) || word(after) || after == '#'
		case '&':
			means = reference.MatchString(string(runes[i:]))
		case '!':
			means = unicode.IsDigit(after) || after == '['
		case '\\':
			means = !word(after)
		case '>':
			means = i == 0
		default:
			means = strings.ContainsRune("`*{}[]<|~", r)
		}
		if means {
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
	text = Message(text)
	first, _ := utf8.DecodeRuneInString(text)
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}
