package union

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestGroups(t *testing.T) {
	s := New(7)
	s.Join(5, 2)
	s.Join(6, 3)
	s.Join(2, 6)
	s.Join(2, 2)
	got := s.Groups()
	want := [][]int{{0}, {1}, {2, 3, 5, 6}, {4}}
	if !slices.EqualFunc(got, want, slices.Equal[[]int]) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := New(0).Groups(); len(got) != 0 {
		t.Errorf("of nothing there are %v", got)
	}
}

// However things are joined, the groups are those that a walk over the joins finds.
func TestGroupsAreReachability(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + rng.IntN(12)
		s, ties := New(n), make([][]int, n)
		for range rng.IntN(2 * n) {
			a, b := rng.IntN(n), rng.IntN(n)
			s.Join(a, b)
			ties[a], ties[b] = append(ties[a], b), append(ties[b], a)
		}
		for _, group := range s.Groups() {
			reached := map[int]bool{group[0]: true}
			for queue := []int{group[0]}; len(queue) > 0; queue = queue[1:] {
				for _, next := range ties[queue[0]] {
					if !reached[next] {
						reached[next] = true
						queue = append(queue, next)
					}
				}
			}
			for i := range n {
				if reached[i] != slices.Contains(group, i) {
					t.Fatalf("%v: of %d things tied as %v", group, n, ties)
				}
			}
		}
	}
}
