package command

import (
	"fmt"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// nearest returns the word that somebody may have meant who wrote another one, or "" where
// none is like it.
func nearest(wrote string, words []string) string {
	const most = 64 // letters; what is longer is no slip of the pen, and costs time
	if len(wrote) > most {
		return ""
	}
	best, fewest := "", max(1, (utf8.RuneCountInString(wrote)+2)/3) // two letters that changed places are two edits
	differ := diffmatchpatch.New()
	for _, word := range words {
		edits := differ.DiffLevenshtein(differ.DiffMain(wrote, word, false))
		if edits == utf8.RuneCountInString(wrote) {
			continue // nothing of it would be left
		}
		if word != wrote && (edits < fewest || edits == fewest && best == "") {
			best, fewest = word, edits
		}
	}
	return best
}

// suggestion is what an error adds for somebody who may have meant another word.
func suggestion(wrote string, words []string) string {
	if s := nearest(wrote, words); s != "" {
		return fmt.Sprintf("; did you mean %q?", s)
	}
	return ""
}
