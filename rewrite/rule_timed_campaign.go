// timed-campaign: a loop calls Campaign of an etcd election with a timeout for each call.
//
// Campaign puts a key into the queue of candidates. When its context ends, it resigns, which
// deletes the key: two raft log entries and two revisions per call that fails, and the place
// in the queue is lost each time, so that who polls fastest leads, not who came first.
//
// Before:
//
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
// After (by hand): one Campaign, with the context that ends the wait as a whole. It queues, is
// fair, and writes twice however long it waits.
//
//	return election.Campaign(ctx, name)
//
// Why it is not rewritten: the timeout may stand for a time after which the caller must do
// something else, such as follow the leader that Observe names. Where a round has work to do
// besides, run the one Campaign in a goroutine of its own, and let the loop do the work.
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

var timedCampaign = &rule{
	id:    "timed-campaign",
	words: Need{Words: [][]string{{".Campaign("}, {"WithTimeout", "WithDeadline"}}},
	tries: []*try{leadInTime},
	code:  finding.CampaignWrites,
	match: func(c *candidate) *match {
		if !c.Polls() {
			return nil
		}
		at := c.Attempts()[0].Node
		return &match{fmt.Sprintf("%s calls %s with a timeout again and again; each call that fails writes two raft entries and loses its place", c.Name, source.FirstLine(c.Text(source.Fun(at)))), at}
	},
}
