package loop

import "etcdmod/rewrite/internal/source"

// Watches reports whether the loop is paced by the events of an etcd watch alone.
func (s *Site) Watches() bool {
	return len(s.Clocks) == 1 && s.Clocks[0].Kind == Watch
}

// WaitsFirst reports whether every first try comes after a wait.
func WaitsFirst(s *Site) bool {
	tried := false
	for _, q := range s.Paths {
		if q.Outcome == Untried {
			continue
		}
		tried = true
		first := false
		for _, st := range q.Steps {
			first = first || st.Kind == Waits && !st.After
		}
		if !first {
			return false
		}
	}
	return tried
}

// WatchesLate reports whether a release may come before the watch that the loop waits for, and be
// missed: it waits before its first try, or opens the watch behind one.
func (s Nature) WatchesLate() bool {
	made := s.Clocks[0].Made
	return WaitsFirst(s.Site) || made != nil && source.Within(made, s.Node) && made.Pos() > s.Tries[0].Pos()
}
