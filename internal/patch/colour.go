package patch

import "github.com/fatih/color"

// A style is what a part of a patch is.
type style int

const (
	styleNone style = iota
	styleMeta
	styleRange
	styleDelete
	styleInsert
	styleDeleteStrong
	styleInsertStrong
	styleCount
)

// A palette says how a style looks; nil leaves the text as it is.
type palette [styleCount]*color.Color

// newPalette gives the colours of git's own diffs.
func newPalette() *palette {
	return &palette{
		styleMeta:         always(color.Bold),
		styleRange:        always(color.FgCyan),
		styleDelete:       always(color.FgRed),
		styleInsert:       always(color.FgGreen),
		styleDeleteStrong: always(color.FgRed, color.Bold, color.ReverseVideo),
		styleInsertStrong: always(color.FgGreen, color.Bold, color.ReverseVideo),
	}
}

// always makes a colour that does not look at the terminal or the environment, as
// package color does by default: the caller has decided.
func always(attributes ...color.Attribute) *color.Color {
	c := color.New(attributes...)
	c.EnableColor()
	return c
}

// style gives the look of s, nil for none.
func (p *printer) style(s style) *color.Color {
	if p.colours == nil {
		return nil
	}
	return p.colours[s]
}
