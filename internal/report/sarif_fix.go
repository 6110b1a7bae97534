package report

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFixes is how many findings a report may have the changes of.
const maxFixes = 250

// countFixes counts the findings that have a change.
func countFixes(page Page) (n int) {
	for _, u := range page.Units {
		changed := map[string]bool{}
		for _, f := range u.Files {
			for _, id := range f.Findings {
				changed[id] = true
			}
		}
		n += len(changed)
	}
	return n
}

// fixes gives the fix of a finding: none, or one that stands alone. It takes along what
// shares a file with it, and so on, since half of a file's changes need not compile.
func (u sarifUnit) fixes(finding Finding) []sarifFix {
	wanted := map[string]bool{finding.ID: true}
	chosen := make([]bool, len(u.Files))
	for again := true; again; {
		again = false
		for i, f := range u.Files {
			if chosen[i] || f.Shared || !slices.ContainsFunc(f.Findings, func(id string) bool { return wanted[id] }) {
				continue
			}
			chosen[i], again = true, true
			for _, id := range f.Findings {
				wanted[id] = true
			}
		}
	}
	var changes []sarifChange
	for i, f := range u.Files {
		if !chosen[i] && !(f.Shared && slices.Contains(f.Findings, finding.ID)) {
			continue
		}
		if f.Omitted != "" || f.Deleted || len(f.Hunks) == 0 {
			return nil // cannot be told in replacements of text
		}
		changes = append(changes, sarifChange{artifact(f.Path), f.replacements()})
	}
	if len(changes) == 0 {
		return nil
	}
	text := "Rewrite (" + finding.Tier + ")"
	if b := finding.Bump; b != nil {
		text = "Bump " + b.Module + " to " + b.Target
	}
	return []sarifFix{{sarifText{Text: text}, changes}}
}

// replacements gives the changed lines of a file, in order, by their place in the old file.
func (f File) replacements() []sarifReplacement {
	var out []sarifReplacement
	for _, h := range f.Hunks {
		at := h.Old // number of the next old line
		for lines := h.Lines; len(lines) > 0; {
			if lines[0].Op == " " {
				at++
				lines = lines[1:]
				continue
			}
			var inserted strings.Builder
			region := sarifRegion{StartLine: at, StartColumn: 1, EndLine: at, EndColumn: 1}
			for len(lines) > 0 && lines[0].Op != " " {
				text := lines[0].Text
				switch {
				case lines[0].Op == "+":
					inserted.WriteString(text)
				case strings.HasSuffix(text, "\n"):
					at++
					region.EndLine, region.EndColumn = at, 1
				default: // the last line of the file
					region.EndLine, region.EndColumn = at, utf8.RuneCountInString(text)+1
				}
				lines = lines[1:]
			}
			r := sarifReplacement{Deleted: region}
			if inserted.Len() > 0 {
				r.Inserted = &sarifText{Text: inserted.String()}
			}
			out = append(out, r)
		}
	}
	return out
}
