package patch

import (
	"slices"
	"sort"
)

// An anchor is a line that occurs once in a part of the old side and once in the
// corresponding part of the new one, so there is little doubt that it is the same.
type anchor struct{ a, b int }

// anchors gives the longest list of such lines, among the old lines a and the new
// lines b, that are in the same order on both sides.
func (m *matcher) anchors(a, b []int) []anchor {
	for _, i := range a {
		m.inA[m.a[i]]++
	}
	at := make(map[int32]int) // line number → index in new
	for _, j := range b {
		id := m.b[j]
		m.inB[id]++
		if m.inA[id] == 1 {
			at[id] = j
		}
	}
	var all []anchor
	for _, i := range a {
		if id := m.a[i]; m.inA[id] == 1 && m.inB[id] == 1 {
			all = append(all, anchor{i, at[id]})
		}
	}
	for _, i := range a {
		m.inA[m.a[i]] = 0
	}
	for _, j := range b {
		m.inB[m.b[j]] = 0
	}
	return longestRising(all)
}

// longestRising gives the longest part of all, which is sorted by a, in which b
// rises as well. Of several it always gives the same one.
func longestRising(all []anchor) []anchor {
	// tails[k] is the index of the smallest end of a rising list of length k+1;
	// before[i] is what precedes all[i] in the best list that ends with it.
	var tails []int
	before := make([]int, len(all))
	for i, p := range all {
		k := sort.Search(len(tails), func(k int) bool { return all[tails[k]].b > p.b })
		before[i] = -1
		if k > 0 {
			before[i] = tails[k-1]
		}
		if k == len(tails) {
			tails = append(tails, i)
		} else {
			tails[k] = i
		}
	}
	if len(tails) == 0 {
		return nil
	}
	rising := make([]anchor, 0, len(tails))
	for i := tails[len(tails)-1]; i >= 0; i = before[i] {
		rising = append(rising, all[i])
	}
	slices.Reverse(rising)
	return rising
}
