// Package union joins numbered things into groups: the disjoint sets of union-find.
//
// It takes how many things there are and which of them belong together, and gives the
// groups that follow. It knows nothing of what is numbered.
package union

// Sets are the numbers from 0, each in one group.
type Sets struct{ parent []int }

// New returns n numbers that are all on their own.
func New(n int) *Sets {
	s := &Sets{parent: make([]int, n)}
	for i := range s.parent {
		s.parent[i] = i
	}
	return s
}

// find returns the smallest number of a group.
func (s *Sets) find(i int) int {
	for s.parent[i] != i {
		s.parent[i] = s.parent[s.parent[i]]
		i = s.parent[i]
	}
	return i
}

// Join makes one group of those that two numbers are in.
func (s *Sets) Join(a, b int) {
	a, b = s.find(a), s.find(b)
	s.parent[max(a, b)] = min(a, b)
}

// Groups returns the groups: each ascending, and in the order of their smallest numbers.
func (s *Sets) Groups() [][]int {
	at := map[int]int{}
	var out [][]int
	for i := range s.parent {
		root := s.find(i)
		k, ok := at[root]
		if !ok {
			k = len(out)
			at[root] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], i)
	}
	return out
}
