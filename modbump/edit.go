package modbump

import (
	"bytes"
	"cmp"
	"fmt"
	"go/version"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// A token is the last token of a line as it stands in the file, without quotes.
type token struct {
	start, end int // byte offsets
	line, col  int // from 1, col in bytes
	text       string
}

// lastToken finds the last token of a line in the bytes that it was parsed from, and
// demands that it is a version that want accepts. modfile keeps where the token ends;
// where it starts is not kept.
func lastToken(gomod []byte, line *modfile.Line, want func(string) bool) (token, error) {
	first, end := line.Start.Byte, line.End.Byte
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
	if start <= first || !want(version) {
		return token{}, fmt.Errorf("line %d: the version was not found", line.Start.Line)
	}
	return token{
		start: start,
		end:   end,
		line:  line.Start.Line,
		col:   start - bytes.LastIndexByte(gomod[:start], '\n'),
		text:  string(gomod[start:end]),
	}, nil
}

// versionToken finds the version of a requirement.
func versionToken(gomod []byte, require *modfile.Require) (token, error) {
	return lastToken(gomod, require.Syntax, canonically(require.Mod.Version))
}

func canonically(want string) func(string) bool {
	return func(version string) bool { return module.CanonicalVersion(version) == want }
}

// isVersionByte reports whether c can be in a semantic version.
func isVersionByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '.' || c == '-' || c == '+'
}

// replace returns the edit that puts another text in the place of the token.
func (t token) replace(text string) Edit {
	return Edit{Start: t.start, End: t.end, Line: t.line, Old: t.text, New: text}
}

// bumpRequire gives a requirement another version.
func bumpRequire(gomod []byte, require *modfile.Require, to string) (Edit, error) {
	t, err := versionToken(gomod, require)
	if err != nil {
		return Edit{}, err
	}
	e := t.replace(to)
	e.from = requireText(require.Mod, require.Indirect)
	e.to = requireText(module.Version{Path: require.Mod.Path, Version: to}, require.Indirect)
	return e, nil
}

// bumpReplace gives the right side of a replace directive another version.
func bumpReplace(gomod []byte, replace *modfile.Replace, version string) (Edit, error) {
	t, err := lastToken(gomod, replace.Syntax, canonically(replace.New.Version))
	if err != nil {
		return Edit{}, err
	}
	e := t.replace(version)
	e.from = replaceText(replace.Old, replace.New)
	e.to = replaceText(replace.Old, module.Version{Path: replace.New.Path, Version: version})
	return e, nil
}

// setGo raises the go directive, which must be there.
func setGo(gomod []byte, file *modfile.File, version string) (Edit, error) {
	t, err := lastToken(gomod, file.Go.Syntax, func(v string) bool { return v == file.Go.Version })
	if err != nil {
		return Edit{}, err
	}
	e := t.replace(version)
	e.from, e.to = "go "+file.Go.Version, "go "+version
	return e, nil
}

// dropToolchain removes the toolchain directive, which must be there, with its line and
// one of the blank lines around it.
func dropToolchain(gomod []byte, file *modfile.File) Edit {
	line := file.Toolchain.Syntax
	start := bytes.LastIndexByte(gomod[:line.Start.Byte], '\n') + 1
	end := len(gomod)
	if i := bytes.IndexByte(gomod[line.End.Byte:], '\n'); i >= 0 {
		end = line.End.Byte + i + 1
	}
	if above := bytes.TrimSuffix(gomod[:start], []byte("\n")); start > 0 {
		if i := bytes.LastIndexByte(above, '\n') + 1; len(bytes.TrimSpace(above[i:])) == 0 {
			start = i
		}
	}
	return Edit{
		Start: start, End: end, Line: line.Start.Line, Old: string(gomod[start:end]),
		from: "toolchain " + file.Toolchain.Name,
	}
}

// addRequires adds requirements that no package of the module asks for directly: into the
// block that holds such lines, else behind the last require directive, several as a block of
// their own. goVersion is the language version of the result.
func addRequires(gomod []byte, file *modfile.File, goVersion string, mods []module.Version) []Edit {
	var edits []Edit
	eol := lineEnd(gomod)
	single := requireOfOne(file)
	if block := requireBlock(file, goVersion); block != nil || len(mods) < 2 || single && len(mods) == 2 {
		for _, mod := range mods {
			if block != nil {
				edits = append(edits, addToBlock(gomod, block, mod))
				continue
			}
			text := "require " + indirectText(mod) + eol
			if !single {
				text = eol + text
			}
			edits = append(edits, addBehind(gomod, file, text, requireText(mod, true)))
		}
		return edits
	}
	mods = slices.SortedFunc(slices.Values(mods), func(a, b module.Version) int { return cmp.Compare(a.Path, b.Path) })
	text, to := eol+"require ("+eol, []string(nil)
	for _, mod := range mods {
		text += "\t" + indirectText(mod) + eol
		to = append(to, requireText(mod, true))
	}
	return append(edits, addBehind(gomod, file, text+")"+eol, to...))
}

func indirectText(mod module.Version) string { return mod.Path + " " + mod.Version + " // indirect" }

// lineEnd returns how the lines of a file end.
func lineEnd(gomod []byte) string {
	if first, _, ok := bytes.Cut(gomod, []byte("\n")); ok && bytes.HasSuffix(first, []byte("\r")) {
		return "\r\n"
	}
	return "\n"
}

// addToBlock adds a requirement to a block, in the order of the paths.
func addToBlock(gomod []byte, block *modfile.LineBlock, mod module.Version) Edit {
	eol := lineEnd(gomod)
	e := Edit{New: "\t" + indirectText(mod) + eol, to: requireText(mod, true)}
	at := func(pos modfile.Position) {
		e.Start = bytes.LastIndexByte(gomod[:pos.Byte], '\n') + 1
		e.Line = pos.Line
	}
	at(block.RParen.Pos)
	if rest := gomod[e.Start:block.RParen.Pos.Byte]; len(bytes.TrimSpace(rest)) > 0 {
		// "require (x v1)" in one line: the new one goes before the parenthesis.
		e.Start, e.New = block.RParen.Pos.Byte, eol+e.New
	}
	for _, line := range block.Line {
		if len(line.Token) > 0 && line.Token[0] > mod.Path && len(line.Comments.Before) == 0 {
			at(line.Start)
			break
		}
	}
	e.End = e.Start
	return e
}

// addReplace replaces a module by itself at a version: behind the last replace directive,
// else at the end.
func addReplace(gomod []byte, file *modfile.File, mod module.Version) Edit {
	eol := lineEnd(gomod)
	text := replaceDirective(mod) + eol
	if lastOf(file, "replace").Byte == 0 {
		text = eol + text
	}
	return addAfter(gomod, lastOf(file, "replace"), text, replaceText(module.Version{Path: mod.Path}, mod))
}

// addBehind adds text, which requires what to says, behind the last require directive.
func addBehind(gomod []byte, file *modfile.File, text string, to ...string) Edit {
	return addAfter(gomod, lastOf(file, "require"), text, to...)
}

// addAfter adds text, which says what to says, in the line below a position, at the end of the
// file if that is zero.
func addAfter(gomod []byte, last modfile.Position, text string, to ...string) Edit {
	e := Edit{New: text, to: strings.Join(to, "\n")}
	e.Start, e.Line = len(gomod), bytes.Count(gomod, []byte("\n"))+1
	if last.Byte > 0 {
		// The rest of the line may hold a comment.
		if i := bytes.IndexByte(gomod[last.Byte:], '\n'); i >= 0 {
			e.Start, e.Line = last.Byte+i+1, last.Line+1
		}
	}
	if e.Start == len(gomod) && len(gomod) > 0 && gomod[len(gomod)-1] != '\n' {
		e.New = lineEnd(gomod) + e.New
	}
	e.End = e.Start
	return e
}

// requireBlock returns the block that a new indirect requirement belongs to: the last one
// with nothing but such lines, else, in modules that do not keep them apart, the last.
func requireBlock(file *modfile.File, goVersion string) *modfile.LineBlock {
	var last, indirect *modfile.LineBlock
	for _, stmt := range file.Syntax.Stmt {
		block, ok := stmt.(*modfile.LineBlock)
		if !ok || len(block.Token) == 0 || block.Token[0] != "require" || len(block.Line) == 0 {
			continue
		}
		last = block
		all := true
		for _, line := range block.Line {
			all = all && isIndirect(line)
		}
		if all {
			indirect = block
		}
	}
	if indirect != nil {
		return indirect
	}
	// From go 1.17 on the go command keeps the indirect lines in a block of their own.
	if version.Compare("go"+goVersion, "go1.17") >= 0 {
		return nil
	}
	return last
}

func isIndirect(line *modfile.Line) bool {
	for _, c := range line.Comments.Suffix {
		if f := strings.Fields(strings.TrimPrefix(c.Token, "//")); len(f) > 0 && strings.TrimSuffix(f[0], ";") == "indirect" {
			return true
		}
	}
	return false
}

// requireOfOne reports whether the last require directive is a line, not a block.
func requireOfOne(file *modfile.File) bool {
	for i := len(file.Syntax.Stmt) - 1; i >= 0; i-- {
		switch stmt := file.Syntax.Stmt[i].(type) {
		case *modfile.Line:
			if len(stmt.Token) > 0 && stmt.Token[0] == "require" {
				return true
			}
		case *modfile.LineBlock:
			if len(stmt.Token) > 0 && stmt.Token[0] == "require" {
				return false
			}
		}
	}
	return false
}

// lastOf returns where the last statement of a kind ends.
func lastOf(file *modfile.File, verb string) (end modfile.Position) {
	for _, stmt := range file.Syntax.Stmt {
		switch stmt := stmt.(type) {
		case *modfile.Line:
			if len(stmt.Token) > 0 && stmt.Token[0] == verb {
				end = stmt.End
			}
		case *modfile.LineBlock:
			if len(stmt.Token) > 0 && stmt.Token[0] == verb {
				_, end = stmt.Span()
			}
		}
	}
	return end
}

// tidyEdits puts edits in the order of the file and leaves out repeated ones.
func tidyEdits(edits []Edit) []Edit {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.New, b.New))
	})
	return slices.Compact(edits)
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

// replaceDirective is the directive of [Replace].
func replaceDirective(mod module.Version) string {
	return fmt.Sprintf("replace %s => %s %s", mod.Path, mod.Path, mod.Version)
}

func requireText(mod module.Version, indirect bool) string {
	if indirect {
		return fmt.Sprintf("require %s indirect", mod)
	}
	return fmt.Sprintf("require %s", mod)
}

func replaceText(old, by module.Version) string { return fmt.Sprintf("replace %s => %s", old, by) }
