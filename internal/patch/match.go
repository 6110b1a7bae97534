package patch

import (
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
)

const (
	// maxDistinct is the number of distinct lines that go-diff can number: it
	// encodes a line's number, from 1, as a rune, leaves out the surrogates and
	// U+FFFD to U+FFFF, and panics on the first number beyond U+10FFFF.
	maxDistinct = 0x10FFFF + 1 - 0x800 - 3 - 1

	// maxWork bounds the time for one file, in steps of [probe]. go-diff can be
	// stopped only by the clock, and then the same input gives different patches: so
	// the work is bounded before it begins. One part gets up to half of what is left,
	// at first enough for some 14,000 changed lines with counterparts elsewhere.
	maxWork = 200_000_000

	// maxScan bounds what probe does not see: before each search go-diff looks for the
	// shorter side in the longer, at every place, naively. That is up to
	// (changed lines × lines) steps, when nearly all lines are the same.
	maxScan = 1_000_000_000

	// smallPart is the number of lines up to which a part is always handed to go-diff:
	// many small parts take no longer, together, than the file is long.
	smallPart = 64

	// maxDepth bounds how often a part too big for go-diff is cut into smaller ones.
	maxDepth = 8
)

// An edit replaces lines [a0,a1) of the old side by lines [b0,b1) of the new one.
// Edits are in order, and at least one equal line lies between two of them.
type edit struct{ a0, a1, b0, b1 int }

// diff gives the edits that turn old into new: the fewest possible lines, unless
// the file is so big and so different that finding them would take too long.
func diff(old, new []string) []edit {
	return diffWithin(old, new, maxWork, maxDistinct)
}

func diffWithin(old, new []string, work, distinct int) []edit {
	m := newMatcher(old, new, work, distinct)
	m.match(0, len(old), 0, len(new), 0)
	return m.edits()
}

// A run is n lines, from old line a and new line b on, that are equal.
type run struct{ a, b, n int }

// A matcher collects the runs of two files, in order.
type matcher struct {
	old, new    []string
	a, b        []int32 // old and new as numbers
	work        int     // what is left of the bound
	maxDistinct int
	runs        []run

	// inA and inB count, per line number, within the part being looked at. They
	// are zero between uses.
	inA, inB []int32
}

func newMatcher(old, new []string, work, distinct int) *matcher {
	a, b, n := intern(old, new)
	return &matcher{
		old: old, new: new, a: a, b: b,
		work: work, maxDistinct: distinct,
		inA: make([]int32, n), inB: make([]int32, n),
	}
}

// edits gives what lies between the runs, which is what changed.
func (m *matcher) edits() []edit {
	var edits []edit
	var i, j int
	for _, r := range append(m.runs, run{len(m.old), len(m.new), 0}) {
		if i < r.a || j < r.b {
			edits = append(edits, edit{i, r.a, j, r.b})
		}
		i, j = r.a+r.n, r.b+r.n
	}
	return edits
}

// equal adds a run, or makes the last one longer.
func (m *matcher) equal(a, b, n int) {
	if n == 0 {
		return
	}
	if len(m.runs) > 0 {
		last := &m.runs[len(m.runs)-1]
		if last.a+last.n == a && last.b+last.n == b {
			last.n += n
			return
		}
	}
	m.runs = append(m.runs, run{a, b, n})
}

// match finds the runs between old lines [a0,a1) and new lines [b0,b1).
func (m *matcher) match(a0, a1, b0, b1, depth int) {
	n := m.commonPrefix(a0, a1, b0, b1)
	m.equal(a0, b0, n)
	a0, b0 = a0+n, b0+n

	n = m.commonSuffix(a0, a1, b0, b1)
	m.middle(a0, a1-n, b0, b1-n, depth)
	m.equal(a1-n, b1-n, n)
}

func (m *matcher) commonPrefix(a0, a1, b0, b1 int) int {
	n := 0
	for a0+n < a1 && b0+n < b1 && m.a[a0+n] == m.b[b0+n] {
		n++
	}
	return n
}

func (m *matcher) commonSuffix(a0, a1, b0, b1 int) int {
	n := 0
	for a0 < a1-n && b0 < b1-n && m.a[a1-n-1] == m.b[b1-n-1] {
		n++
	}
	return n
}

// middle is match for parts that begin and end with different lines.
func (m *matcher) middle(a0, a1, b0, b1, depth int) {
	// A line that the other side does not have cannot match. Without such lines
	// the result is the same and the search much shorter.
	a, b, distinct := m.shared(a0, a1, b0, b1)
	if len(a) == 0 || len(b) == 0 {
		return
	}
	if distinct <= m.maxDistinct && m.affordable(a, b) {
		m.exact(a, b)
		return
	}
	// Too big: cut it at lines that occur once on each side. That can miss the
	// shortest patch, never a valid one. Without any, the part is replaced as a whole.
	anchors := m.anchors(a, b)
	if len(anchors) == 0 || depth == maxDepth {
		return
	}
	for _, p := range anchors {
		m.match(a0, p.a, b0, p.b, depth+1)
		m.equal(p.a, p.b, 1)
		a0, b0 = p.a+1, p.b+1
	}
	m.match(a0, a1, b0, b1, depth+1)
}

// affordable reports whether go-diff is to match the old lines a with the new lines b.
func (m *matcher) affordable(a, b []int) bool {
	if len(a)+len(b) <= smallPart {
		return true
	}
	numbers := func(side []int32, indices []int) []int32 {
		out := make([]int32, len(indices))
		for n, i := range indices {
			out[n] = side[i]
		}
		return out
	}
	changed, steps, ok := probe(numbers(m.a, a), numbers(m.b, b), m.work/2)
	m.work -= steps
	return ok && changed <= maxScan/min(len(a), len(b))
}

// shared gives the indices of the lines of each part that the other part has too,
// and how many distinct lines these are.
func (m *matcher) shared(a0, a1, b0, b1 int) (a, b []int, distinct int) {
	for _, id := range m.a[a0:a1] {
		m.inA[id]++
	}
	for j := b0; j < b1; j++ {
		id := m.b[j]
		if m.inA[id] == 0 {
			continue
		}
		if m.inB[id] == 0 {
			distinct++
		}
		m.inB[id]++
		b = append(b, j)
	}
	for i := a0; i < a1; i++ {
		if m.inB[m.a[i]] > 0 {
			a = append(a, i)
		}
	}
	m.forget(a0, a1, b0, b1)
	return a, b, distinct
}

// forget makes the counters of a part zero again.
func (m *matcher) forget(a0, a1, b0, b1 int) {
	for _, id := range m.a[a0:a1] {
		m.inA[id] = 0
	}
	for _, id := range m.b[b0:b1] {
		m.inB[id] = 0
	}
}

// exact lets go-diff match the old lines a with the new lines b.
//
// Every line given to go-diff ends in a line feed: one that does not is the last
// of its side, so either the other side ends with it too and it was trimmed, or
// the other side does not have it.
func (m *matcher) exact(a, b []int) {
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0 // the default of one second makes the result depend on the machine's load

	// Only the line functions: those by character damage invalid UTF-8.
	oldRunes, newRunes, table := dmp.DiffLinesToRunes(pick(m.old, a), pick(m.new, b))
	diffs := dmp.DiffCharsToLines(dmp.DiffMainRunes(oldRunes, newRunes, false), table)

	for _, d := range diffs {
		n := countLines(d.Text)
		switch d.Type {
		case diffmatchpatch.DiffDelete:
			a = a[n:]
		case diffmatchpatch.DiffInsert:
			b = b[n:]
		case diffmatchpatch.DiffEqual:
			for i := range n {
				m.equal(a[i], b[i], 1)
			}
			a, b = a[n:], b[n:]
		}
	}
}

func pick(lines []string, indices []int) string {
	var sb strings.Builder
	for _, i := range indices {
		sb.WriteString(lines[i])
	}
	return sb.String()
}
