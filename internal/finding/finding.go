// Package finding is the vocabulary in which etcdmod says what it found and what it did
// about it: findings with a rule, a tier and the reasons for it, what was not covered, and
// what verification objected to.
//
// It holds values and the texts that "etcdmod explain" prints for them. It never finds,
// decides or prints anything.
package finding

import (
	"fmt"
	"go/token"
	"strconv"
	"strings"
)

// A Rule is one kind of finding, with its documentation.
type Rule struct {
	ID    string
	Title string // one line
	Doc   string
}

// A Finding is one place that polls, with what is done about it.
type Finding struct {
	// ID is the same in later runs, as long as the rule, the function and the order of the
	// findings in it are.
	ID      string
	Rule    string         // the ID of one
	Pos     token.Position // of the loop
	Func    string
	Package string // import path
	Message string
	Tier    Tier
	Refused []Reason // why Tier is Refuse
	// NotHigher is why Tier is not the next one up, or why a collapse waits in another way
	// than was asked for.
	NotHigher *Reason
	// Missed is the tier that NotHigher is about where that is not the one above Tier.
	Missed Tier
	Path   []Frame // from the loop to the try
	// Exported are the exported declarations, with their packages, that change their types
	// although other modules may compile against them.
	Exported []string
	// Differences are what the program does otherwise with Tier.
	Differences []Difference
	Ignored     string // the reason that a comment gives for ignoring it
}

// Key identifies a finding across loads of the same source.
func (f *Finding) Key() string {
	return f.Pos.Filename + ":" + strconv.Itoa(f.Pos.Offset) + ":" + f.Rule
}

// Counts reports whether the finding counts for the exit code. One in a test for which nothing
// can be done is reported, and fails no build: it polls no etcd that anybody needs.
func (f *Finding) Counts() bool {
	return f.Tier != Refuse || f.Rule == IgnoreRule || !strings.HasSuffix(f.Pos.Filename, "_test.go")
}

// IgnoreRule is the rule about comments that are to ignore findings, which no such comment
// ignores.
const IgnoreRule = "ignore-directive"

// NextTier is the tier that NotHigher is about.
func (f *Finding) NextTier() Tier {
	if f.Missed > f.Tier {
		return f.Missed
	}
	return f.Tier + 1
}

// Refuse leaves the code of the finding as it is, for the given reasons.
func (f *Finding) Refuse(why ...Reason) {
	f.Tier, f.NotHigher, f.Exported, f.Differences = Refuse, nil, nil, nil
	f.Refused = why
}

// A Frame is one call on the way from a loop to the try.
type Frame struct {
	Pos  token.Position
	Call string
}

// A Reason is a code with what was seen, and where.
type Reason struct {
	Code   Code
	Detail string
	Pos    token.Position // zero where there is no one place
}

func (r Reason) String() string {
	if r.Detail == "" {
		return string(r.Code)
	}
	return fmt.Sprintf("%s: %s", r.Code, r.Detail)
}
