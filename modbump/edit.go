package modbump

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// A token is the version of a requirement as it stands in the file, without
// quotes.
type token struct {
	start, end int // byte offsets
	line, col  int // from 1, col in bytes
	text       string
}

// versionToken finds the version of a requirement in the bytes that it was
// parsed from. It is the last token of its line, and modfile keeps where that
// ends; where it starts is not kept.
func versionToken(gomod []byte, require *modfile.Require) (token, error) {
	first, end := require.Syntax.Start.Byte, require.Syntax.End.Byte
	start, version := end, ""
	if end > first && gomod[end-1] == '"' {
		end--
		start = bytes.LastIndexByte(gomod[:end], '"') + 1
		version, _ = strconv.Unquote(`"` + string(gomod[start:end]) + `"`)
	} else {
		for start > first && isVersionByte(gomod[start-1]) {
			start--
		}
		version = string(gomod[start:end])
	}
	if start <= first || module.CanonicalVersion(version) != require.Mod.Version {
		return token{}, fmt.Errorf("the version of %s was not found in its line", require.Mod)
	}
	return token{
		start: start,
		end:   end,
		line:  require.Syntax.Start.Line,
		col:   start - bytes.LastIndexByte(gomod[:start], '\n'),
		text:  string(gomod[start:end]),
	}, nil
}

// isVersionByte reports whether c can be in a semantic version.
func isVersionByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '.' || c == '-' || c == '+'
}

// replace returns the edit that puts another version in the place of the token.
func (t token) replace(version string) Edit {
	return Edit{Start: t.start, End: t.end, Line: t.line, Old: t.text, New: version}
}

// apply returns src with the edits made, which are in order and do not overlap.
func apply(src []byte, edits []Edit) []byte {
	var out []byte
	last := 0
	for _, edit := range edits {
		out = append(out, src[last:edit.Start]...)
		out = append(out, edit.New...)
		last = edit.End
	}
	return append(out, src[last:]...)
}

// verify checks that the edited go.mod still parses, that only the edited lines
// differ, and that of all directives only the requirements with the action
// Bump did change, and to their targets. It guards against errors of this
// package; no input makes it fail.
func verify(name string, before *modfile.File, gomod []byte, result *Result) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: the edit would be wrong, so none is made: %w", name, fmt.Errorf(format, args...))
	}
	after, err := modfile.Parse(name, result.Edited, nil)
	if err != nil {
		return fail("%w", err)
	}

	bumped := make(map[int]string) // line → target
	for _, f := range result.Findings {
		if f.Action == Bump {
			bumped[f.Line] = f.Target
		}
	}
	was, is := bytes.SplitAfter(gomod, []byte("\n")), bytes.SplitAfter(result.Edited, []byte("\n"))
	if len(was) != len(is) {
		return fail("the number of lines changes")
	}
	for i := range was {
		if _, ok := bumped[i+1]; bytes.Equal(was[i], is[i]) == ok {
			return fail("line %d", i+1)
		}
	}

	if len(before.Require) != len(after.Require) {
		return fail("the number of requirements changes")
	}
	for i, require := range before.Require {
		want := require.Mod
		if target, ok := bumped[require.Syntax.Start.Line]; ok {
			want.Version = target
		}
		if got := after.Require[i]; got.Mod != want || got.Indirect != require.Indirect {
			return fail("%s becomes %s", require.Mod, got.Mod)
		}
	}
	if !sameDirectives(before, after) {
		return fail("%w", errors.New("a replace or exclude directive changes"))
	}
	return nil
}

// sameDirectives reports whether two files replace and exclude the same.
func sameDirectives(a, b *modfile.File) bool {
	return slices.EqualFunc(a.Replace, b.Replace, func(x, y *modfile.Replace) bool {
		return x.Old == y.Old && x.New == y.New
	}) && slices.EqualFunc(a.Exclude, b.Exclude, func(x, y *modfile.Exclude) bool {
		return x.Mod == y.Mod
	})
}
