package proof

import (
	"slices"

	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
)

// Drafts are the edits that can be made, whether they are right or not. The second proof judges
// them where it has to show that it is right alone.

// DraftGate reports whether the loop of s has a clock that could be swapped for the mutex's, or
// a place for a wait. Like Gate, it gives a spin the clock that it would have.
func DraftGate(s *loop.Site) bool {
	if len(s.Calls) > 0 || len(s.Tries) != 1 {
		return false
	}
	if len(s.Clocks) == 0 {
		c := pause(s)
		if _, _, ok := TimeName(s.File, c.Places); !ok || len(c.Places) == 0 {
			return false
		}
		s.Clocks = []*loop.Clock{c}
		return true
	}
	return len(s.Clocks[0].Places) > 0 || s.Clocks[0].Made != nil && s.Clocks[0].Kind != loop.Watch
}

// DraftCollapse returns what could replace the loop of s, or nil where the parts of it are not
// known. The loop has a clock.
func DraftCollapse(fl *flow.Flow, s *loop.Site) *Collapse {
	if len(s.Calls) > 0 || len(s.Tries) != 1 || len(s.Clocks) == 0 {
		return nil
	}
	c := &Collapse{Site: s, flow: fl, Storm: s.Clocks[0].Kind == loop.Watch}
	if c.waitable() != nil || len(s.Tries[0].Args) != 1 {
		return nil
	}
	c.Retry = slices.ContainsFunc(s.Paths, func(q *loop.Path) bool { return q.Outcome == loop.Failed && q.End == loop.Next })
	c.ctx, c.ctxObj = s.File.Plain(s.Tries[0].Args[0]), s.Walker.Variable(s.Tries[0].Args[0])
	if c.shape() != nil || c.Retry != (c.others == nil) || c.doneCase() != nil || c.doneCtx != nil && len(c.done) == 0 || c.Retry && len(c.done) == 0 {
		return nil
	}
	c.dropped() // what is not found stays, and does not compile without the loop
	if c.Retry && !c.Storm {
		d := s.Clocks[0].Interval()
		if d == nil {
			return nil
		}
		c.every = s.File.Plain(d)
	}
	return c
}
