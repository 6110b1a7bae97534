package proof

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"time"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// spinInterval is the wait that is put into a loop without any. It bounds by how much the
// loop may notice late what it looks at in each round, such as the end of its context,
// and keeps the reads of a waiter that is never woken at ten per second.
const spinInterval = 100 * time.Millisecond

// spin puts a wait into a loop that has none, for the rounds that did not get the lock:
//
//	for {
//		if err := mu.TryLock(ctx); err != nil {
//			log.Print(err)
//			mu.Sleep(100 * time.Millisecond)   <=
//			continue
//		}
//		break
//	}
//
// Safety argument. The loop tries less often, and at a release: it tries at no time when
// it did not try before, nor does it miss a release. The wait stands where rounds end
// that tried in vain, and no other round ends there, so that neither what follows success
// nor a round without a try is slowed. Such a round does nothing but try, log and count,
// no attempts are counted, and what it looks at besides it sees at most spinInterval
// later than before.
//
// spin returns why there is no place for a wait. Otherwise the site has a clock from then on.
func spin(s *loop.Site) *finding.Reason {
	at := func(code finding.Code, n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: code, Detail: detail, Pos: s.Position(n.Pos())}
	}
	if call := s.Pausing(); call != nil {
		return at(finding.ClockElsewhere, call, "it is in "+source.FirstLine(s.Text(call.Fun)))
	}
	if s.Iterator() == loop.UnknownPacing {
		x := s.Node.(*ast.RangeStmt).X
		return at(finding.UnknownClock, x, source.FirstLine(s.Text(x))+" may wait")
	}
	for _, q := range s.Paths {
		for _, st := range q.Steps {
			if q.End == loop.Next && (st.Kind == loop.Receives || st.Kind == loop.ReceivesDone) {
				return at(finding.UnknownClock, st.Node, source.FirstLine(s.Text(st.Node)))
			}
			if q.Outcome == loop.Locked && q.End == loop.Next && st.Kind == loop.Acts && s.MayWait(st.Node) {
				return at(finding.UnknownClock, st.Node, source.FirstLine(s.Text(st.Node))+" may wait")
			}
		}
	}
	if r := counted(s); r != nil {
		return r
	}
	c := pause(s)
	for _, q := range s.Paths {
		if !inVain(q) {
			continue
		}
		for _, st := range q.Steps {
			if st.Kind != loop.Acts {
				continue
			}
			if ok, _ := s.Inert(st.Node); !ok {
				return at(finding.WorkInLoop, st.Node, source.FirstLine(s.Text(st.Node)))
			}
		}
	}
	for _, q := range s.Paths {
		if q.Around && q.Outcome != loop.Locked && q.Outcome != loop.Failed && slices.Contains(c.Places, s.RoundEnd(q)) {
			return at(finding.NoClock, s.Node, "other rounds end in the same place")
		}
	}
	if _, _, ok := TimeName(s.File, c.Places); !ok {
		return at(finding.NoClock, s.Node, "package time has no name there")
	}
	if r := cmp.Or(fixedMutex(s, c, true), noticed(s)); r != nil {
		return r
	}
	s.Clocks = []*loop.Clock{c}
	return nil
}

// inVain reports whether a round goes on that did not get the lock.
func inVain(q *loop.Path) bool {
	return q.End == loop.Next && (q.Outcome == loop.Locked || q.Outcome == loop.Failed)
}

// pause returns a wait where the rounds end that tried in vain.
func pause(s *loop.Site) *loop.Clock {
	c := &loop.Clock{Kind: loop.Sleep, PerWait: true}
	for _, q := range s.Paths {
		if end := s.RoundEnd(q); inVain(q) && !slices.Contains(c.Places, end) {
			c.Places = append(c.Places, end)
		}
	}
	return c
}

// TimeName returns the name that package time has, or may get by an import, at all of
// those places.
func TimeName(f *source.File, places []token.Pos) (name string, imported, ok bool) {
	name = "time"
	for _, spec := range f.Syntax.Imports {
		if source.ImportPath(spec) != "time" || spec.Name != nil && (spec.Name.Name == "_" || spec.Name.Name == ".") {
			continue
		}
		imported = true
		if spec.Name != nil {
			name = spec.Name.Name
		}
	}
	for _, at := range places {
		obj := f.Lookup(name, at)
		pkg, isPkg := obj.(*types.PkgName)
		if imported != isPkg || isPkg && pkg.Imported().Path() != "time" || !isPkg && obj != nil {
			return "", false, false
		}
	}
	return name, imported, true
}

// Paused returns the edits that put the waits into a spin.
func Paused(s *loop.Site) edit.Edits {
	c, src := s.Clocks[0], s.File.Bytes
	name, _, _ := TimeName(s.File, c.Places)
	text := fmt.Sprintf("%s.Sleep(%d * %s.Millisecond)", s.File.Plain(s.Mutex()), spinInterval/time.Millisecond, name)
	nl := "\n"
	if edit.IsCRLF(src) {
		nl = "\r\n"
	}
	var es edit.Edits
	for _, pos := range c.Places {
		at := s.Offset(pos)
		line := bytes.LastIndexByte(src[:at], '\n') + 1
		indent := string(src[line:at])
		alone := len(bytes.TrimSpace(src[line:at])) == 0
		switch {
		case src[at] != '}' && alone: // a branch on its own line
			es = append(es, edit.Edit{Start: at, End: at, Text: text + nl + indent})
		case src[at] != '}':
			es = append(es, edit.Edit{Start: at, End: at, Text: text + "; "})
		case alone: // the end of the body
			es = append(es, edit.Edit{Start: line, End: line, Text: indent + "\t" + text + nl})
		default:
			indent = indent[:len(indent)-len(bytes.TrimLeft([]byte(indent), " \t"))]
			es = append(es, edit.Edit{Start: at, End: at, Text: nl + indent + "\t" + text + nl + indent})
		}
	}
	return es
}
