// timed-campaign: a loop calls Campaign of an etcd election with a timeout for each call.
//
// Campaign puts a key into the queue of candidates. When its context ends, it resigns, which
// deletes the key: two raft log entries and two revisions per call that fails, and the place
// in the queue is lost each time, so that who polls fastest leads, not who came first.
//
// Before:
//
//	election := concurrency.NewElection(session, "/leader")
//	for {
//		try, cancel := context.WithTimeout(ctx, time.Second)
//		err := election.Campaign(try, name)
//		cancel()
//		if err == nil {
//			return nil
//		}
//		if ctx.Err() != nil {
//			return ctx.Err()
//		}
//		time.Sleep(time.Second)
//	}
//
// After (guard): the call becomes one that joins the queue only when that may win it the lead,
// or less than 250 ms are left.
// It is given the session as well, and the election keeps its type:
//
//	err := etcdlock.CampaignWithin(try, session, election, name)
//
// Why it is safe: a call that fails takes as long as before and returns the same error, the
// bare ctx.Err(), so that the loop goes round as it did. While one session leads throughout,
// whether by a key in the queue or without one a caller waits for the same event: it watches the
// deletion of the leader's key, and calls the client's Campaign when it comes. That puts the
// key, and whoever is first leads, as among callers whose calls begin just then. What a place in
// the queue is worth is lost only to those that have one: so a call during which the lead
// changes hands while others queue goes on with the client's Campaign, which then keeps its
// place until the deadline, and nothing is rewritten where another call of the module queues in
// the same election, or where this one serves callers that do not try again. The leader that
// campaigns again, and a session that has a key in the queue, have the client's at once. So has one
// that has ended, whose error tells the loop.
//
// The client's Campaign forgets its key when it fails, and one that has written nothing leaves
// the election as it was: that is why Key, Rev and Header may be read only after a call that has
// won. Resign and Proclaim answer as before: the key that they name has gone. Who reads the
// keys below the prefix would miss the candidates there, and an election that was resumed has
// a leader of whom the code knows more than the servers say; such code in the module refuses the
// rewrite. So does an election whose session cannot be named beside the call: the watch is that of
// the session's client.
//
// One Campaign with the context that ends the wait as a whole would cost least. It is not
// written in the loop's place: the timeout may stand for a time after which the caller must do
// something else, such as follow the leader that Observe names. Where a round has work to do
// besides, run the one Campaign in a goroutine of its own, and let the loop do the work.
package rewrite

import (
	"bytes"
	"fmt"
	"go/ast"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/tries"
)

var timedCampaign = &rule{
	id:      "timed-campaign",
	words:   Need{Words: [][]string{{".Campaign"}, {"WithTimeout", "WithDeadline", "WithCancel"}, aClock}},
	tries:   []*try{leadInTime, helperLead},
	top:     finding.Guard,
	ceiling: "its timeout may stand for a time after which the caller must do something else",
	match: func(c *candidate) *match {
		if !c.Polls() {
			return nil
		}
		at := c.Attempts()[0].Node
		if tries.Guarded(c.Program, c.Site) {
			return nil
		}
		return &match{fmt.Sprintf("%s calls %s with a timeout again and again; each call that fails writes two raft entries and loses its place", c.Name, source.FirstLine(c.Text(source.Fun(at)))), at}
	},
	guard: campaignWithin,
}

// A campaignReplaced is a Campaign that becomes the helper's function, which gets the session and the
// election behind the context.
type campaignReplaced struct {
	replacedCall
	session string // of the election
}

func (r campaignReplaced) moved(f *source.File) replacement { r.file = f; return r }
func (r campaignReplaced) needs() helper.Parts              { return helper.Election }

func (r campaignReplaced) differs(p *source.Program) []finding.Difference {
	return differences(p, r, finding.CampaignsLate, finding.LeaderGap, finding.MissesTurn)
}

func (r campaignReplaced) edits(p *source.Program, qualifier string) edit.Edits {
	sel, end := r.method(), p.Offset(r.call.Args[0].End())
	return edit.Edits{
		{Start: p.Offset(sel.X.Pos()), End: p.Offset(sel.Sel.End()), Text: qualifier + ".CampaignWithin"},
		{Start: end, End: end, Text: ", " + r.session + ", " + r.file.Plain(sel.X)},
	}
}

// campaignWithin lets the calls of Campaign become the helper's.
func campaignWithin(p *loop.Finder, c *candidate) (calls []replacement, why []finding.Reason) {
	refuse := func(code finding.Code, at ast.Node, detail string) {
		why = append(why, finding.Reason{Code: code, Detail: detail, Pos: p.Position(at.Pos())})
	}
	if !p.In.Offers(helper.Election) {
		refuse(finding.HelperLacks, c.Node, helper.ElectionFile+" of "+p.In.HelperImport())
	}
	elections := tries.NewElections(p.Program)
	callers, polled := polledBy(p, c, tries.Campaigns)
	for _, other := range c.beside { // one that stays queues
		for _, h := range tries.Campaigns(p.Program, other.Site) {
			call := h.Node.(*ast.CallExpr)
			if elections.Candidacy(h.File, call).Session == "" || callers.none(call).IsValid() {
				delete(polled, ast.Unparen(call.Fun))
			}
		}
	}
	for _, name := range source.SortedNames(p.In.Ignored) {
		if electoral(p.In.Ignored[name]) {
			refuse(finding.BuildTagged, c.Node, p.Rel(name))
		}
	}
	var all []tries.Candidacy
	var starts []string
	for _, h := range tries.Campaigns(p.Program, c.Site) {
		call := h.Node.(*ast.CallExpr)
		e := elections.Candidacy(h.File, call)
		if e.Session == "" {
			refuse(finding.SessionUnknown, call, source.FirstLine(p.Text(call.Fun)))
		}
		if at := callers.none(call); at.IsValid() {
			why = append(why, finding.Reason{Code: finding.LockNotRetried, Detail: "called for a caller that does not try again", Pos: p.Position(at)})
		}
		if within := tries.Short(p.Program, h.File, call); within != nil {
			refuse(finding.DeadlineShort, within, source.FirstLine(p.Text(within)))
		}
		all, starts = append(all, e), append(starts, e.Starts()...)
		calls = append(calls, campaignReplaced{replacedCall{h.File, call}, e.Session})
		c.client, _ = p.ConcurrencyPath(h.File.Callee(call).Pkg())
		if p.IsFork(c.client) {
			refuse(finding.ForkDiffers, call, c.client)
		}
	}
	if len(calls) == 0 {
		refuse(finding.SessionUnknown, c.Node, "")
	}
	if len(why) > 0 {
		return calls, why // what is asked below needs the elections
	}
	if other := elections.Beside(all, polled); other != nil {
		refuse(finding.LockElsewhere, other, source.FirstLine(p.Text(other)))
	}
	won := func(f *source.File, n ast.Node) bool {
		return slices.ContainsFunc(c.beside, func(o *candidate) bool { return o.File == f && o.Polls() && o.AfterWin(n) })
	}
	if read := elections.Reads(all, won); read != nil {
		refuse(finding.ElectionRead, read, source.FirstLine(p.Text(read)))
	}
	if resumed := elections.Resumed(); resumed != nil {
		refuse(finding.ElectionResumed, resumed, "")
	}
	if call := tries.ReadsBelow(p.Program, starts); call != nil {
		refuse(finding.QueueRead, call, source.FirstLine(p.Text(call)))
	}
	return calls, why
}

// electoral reports whether a file without types may have to do with an election of etcd.
func electoral(src []byte) bool {
	has := func(word string) bool { return bytes.Contains(src, []byte(word)) }
	return has(".Campaign(") || has("lection") && (has("concurrency") || has(".Key()") || has(".Rev()") || has(".Header()"))
}
