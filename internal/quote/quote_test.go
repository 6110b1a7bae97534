package quote

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"a/b c.go": "a/b c.go", "é.go": "é.go", "日本.go": "日本.go", "": "",
		"a\x1b]0;PWN\ab.go": `"a\033]0;PWN\ab.go"`, `a"b`: `"a\"b"`, `a\b`: `"a\\b"`, "a\nb": `"a\nb"`, "a\u202eb": `"a\342\200\256b"`, "a\xff": `"a\377"`, "\u0085": `"\302\205"`, "é\n": `"é\n"`,
		" ::error::x": `" ::error::x"`, "a/##vso[x]": `"a/##vso[x]"`, "lo\u3164ck": `"lo\343\205\244ck"`, "a\ufe00": `"a\357\270\200"`, "\u034f": `"\315\217"`, "\u2800": `"\342\240\200"`, "e\u0301": "e\u0301",
	} {
		if got := Name(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb\n": "a\tb\n", "é": "é", "\x1b[2J": `\x1b[2J`, "a\rb": `a\x0db`, "\u202e": `\u202e`, "\u009b31m": `\x9b31m`, "\x9b31m": `\x9b31m`, "\xff": `\xff`, "\xe9\ufffd": "\\xe9\ufffd",
		"\U000e0041": `\U000e0041`, "\u200b": `\u200b`, "\ufeff": `\ufeff`,
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := Line("a\nb\r\x1b"); got != `a b \x1b` {
		t.Errorf("%q", got)
	}
}

func TestMessage(t *testing.T) {
	for in, want := range map[string]string{
		"a\n\t ::error::b\n": "a\n\t \\x3a:error::b\n", "::debug::": `\x3a:debug::`, "a::b": "a::b", "x ##[group]y ####": `x #\x23[group]y #\x23#\x23`, "\u200b::x": `\u200b::x`,
	} {
		if got := Message(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestContent(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[31mé\u202e日\r\nb\r" + "c\x9bd\r\n": "a\\x1b[31mé\\u202e日\r\nb\\x0dc\\x9bd\r\n", "\r\r\n": "\\x0d\r\n", "": "",
	} {
		if got := Content(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"a/b_c.go": "`a/b_c.go`",
		"a`|\n```\n@everyone [x](..) <img src=x>.go": `<code>&#34;a&#96;&#124;&#92;n&#96;&#96;&#96;&#92;n&#64;everyone &#91;x&#93;&#40;&#46;&#46;&#41; &#60;img src&#61;x&#62;&#46;go&#34;</code>`,
		"@everyone": "<code>&#64;everyone</code>", "é": "`é`",
		"a b, c (old)~1 100%.go": "`a b, c (old)~1 100%.go`", "a[id].go": "<code>a&#91;id&#93;&#46;go</code>", "a\u3164": `<code>&#34;a&#92;343&#92;205&#92;244&#34;</code>`,
	} {
		if got := Markdown(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if got := MarkdownCommand(`x 'it'\''s'`); got != "<code>x &#39;it&#39;&#92;&#39;&#39;s&#39;</code>" {
		t.Error(got)
	}
	for in, want := range map[string]string{
		"a @b [c]\nd": "a &#64;b &#91;c&#93; d",
		// What means nothing where it stands.
		"lock_svc in c# (dev@example.com), r&d!": "lock_svc in c# (dev@example.com), r&d!",
		"_a_ a_ __b__":                           "&#95;a&#95; a&#95; &#95;&#95;b&#95;&#95;",
		"#1 a#1 ## c#":                           "&#35;1 a&#35;1 &#35;&#35; c#",
		"&lt; &#60; a & b":                       "&#38;lt; &#38;&#35;60; a & b",
		`"x\x20" \* \`:                           `"x\x20" &#92;&#42; &#92;`,
		"!1 ![a](b) wow!":                        "&#33;1 &#33;&#91;a&#93;(b) wow!",
		"> a > b":                                "&#62; a > b",
	} {
		if got := MarkdownText(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{"=1+1": "'=1+1", "a": "a", "": "", "\x1b=": `\x1b=`, "-1": "'-1", "＝1": "'＝1"} {
		if got := Cell(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestTitle(t *testing.T) {
	for in, want := range map[string]string{
		"a/b": "a/b", "pkg@v2": "pkg@v2", "gh-1": "gh-1", "fixes": "fixes", "fix/a-b": "fix/a-b", "x*y": "x*y", "a b": "a b", "é": "é",
		"fixes #1": `"fixes\x20\x231"`, "closes: GH-1": `"closes\x3a\x20GH-1"`, "x\tResolved a/b-c.d/A-1": `"x\x09Resolved\x20a/b-c.d/A-1"`,
		"@a": `"\x40a"`, "a/@b": `"a/\x40b"`, "[skip ci]": `"\x5bskip\x20ci]"`, "***NO_CI***": `"\x2a\x2a\x2aNO_CI\x2a\x2a\x2a"`, "[é": "[é",
		"a/[id]": "a/[id]", "c#": "c#", "c# x": "c# x", "ABC-1 #done": `"ABC-1\x20\x23done"`, "[Skip-CI]": `"\x5bSkip-CI]"`, "[no ci": `"\x5bno\x20ci"`,
	} {
		if got := Title(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("a\x1b\u202e`|\n@b")
	f.Fuzz(func(t *testing.T, s string) {
		for what, got := range map[string]string{"name": Name(s), "visible": Visible(s), "line": Line(s), "markdown": Markdown(s), "message": Message(s), "cell": Cell(s), "title": Title(s)} {
			if !utf8.ValidString(got) {
				t.Errorf("%s of %q is %q", what, s, got)
			}
			for _, r := range got {
				if hidden(r) || unicode.Is(unicode.Cc, r) && (r != '\n' && r != '\t' || what == "name" || what == "title" || what == "line" || what == "markdown") {
					t.Errorf("%s of %q has %q", what, s, r)
				}
			}
		}
		if Commands(Title(s)) {
			t.Errorf("%q is a command to a host of code", Title(s))
		}
		for line := range strings.Lines(Message(s)) {
			if commands(line) {
				t.Errorf("%q is a command to what runs a job", line)
			}
		}
		if strings.ContainsAny(strings.TrimSuffix(strings.TrimPrefix(Markdown(s), "<code>"), "</code>"), "|@<>[]*\n") {
			t.Errorf("%q: %s", s, Markdown(s))
		}
	})
}

// What JSON means stays the same, and nothing in its text is hidden.
func TestJSON(t *testing.T) {
	for _, name := range []string{"plain", "a\u202eb", "\x7f\u009b31m", "\U000e0041 tag", "é\n\t\"", "\x1b[2J", "###", "##vso[x]", "a\u3164\ufe0f\U000e0100"} {
		var b bytes.Buffer
		if err := json.NewEncoder(JSON(&b)).Encode(map[string]string{name: name}); err != nil {
			t.Fatal(err)
		}
		if Message(b.String()) != b.String() {
			t.Errorf("%q: %q", name, b.String())
		}
		var back map[string]string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back[name] != name {
			t.Errorf("%q: %q, %v", name, back, err)
		}
	}
	var once, again bytes.Buffer
	var back string
	if err := errors.Join(json.NewEncoder(JSON(&once)).Encode("a\xffb\ufffd"), json.Unmarshal(once.Bytes(), &back), json.NewEncoder(JSON(&again)).Encode(back)); err != nil || once.String() != again.String() {
		t.Errorf("%s, read and written again: %s, %v", &once, &again, err)
	}
}
