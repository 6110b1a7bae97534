package rollout

import (
	"bytes"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/quote"
	"etcdmod/internal/report"
)

// A section is a part of the text. Those without a heading come first.
type section string

const (
	intro    section = ""
	changes  section = "What changes"
	earning  section = "What would earn more"
	evidence section = "Evidence"
	rolling  section = "Rolling it out"
)

// A Sentence may stand in the text of a unit.
type Sentence struct {
	In    section
	Text  string // {} stands for a value
	When  string // in words, what lines decides
	lines func(*facts) []string
}

// is makes a sentence without a value of a condition.
func is(holds func(*facts) bool) func(*facts) []string {
	return func(f *facts) []string {
		if holds(f) {
			return []string{""}
		}
		return nil
	}
}

// tier says how many findings have one.
func tier(t finding.Tier) func(*facts) []string {
	return func(f *facts) []string {
		if f.tiers[t] == 0 {
			return nil
		}
		return []string{report.Plural(f.tiers[t], "finding")}
	}
}

// verified says what was compiled, where the unit was.
func verified(holds func(*facts) bool) func(*facts) []string {
	return func(f *facts) []string {
		switch {
		case !f.compiled() || !holds(f):
			return nil
		case f.bumps && f.rewrites == 0 && !f.unit.Prelude:
			return []string{"Every package that imports the bumped client"}
		case f.bumps:
			return []string{"Every changed package, and every one that imports the bumped client"}
		}
		return []string{"Every changed package"}
	}
}

func rewrites(f *facts) bool { return f.rewrites > 0 }

func queues(f *facts) bool { return f.kinds[finding.QueueOrder] > 0 }

// mergeFirst names the prelude that goes before a unit, and mergeAwaited what goes before in other
// modules; see [LinkAfter].
const (
	mergeFirst   = "Merge `{}` first."
	mergeAnyway  = "Merge `{}` first. The order of the changes behind it does not matter."
	mergeAwaited = "Merge {}: what is here is built with that module, and was made and compiled with the go.mod and go.sum that it has then."
)

// LinkAfter makes a link of the unit that a text says is to be merged first. A text without a
// link, or without the sentence, stays as it is.
func LinkAfter(text []byte, id, link string) []byte {
	if link == "" {
		return text
	}
	plain := "Merge `" + id + "` first"
	linked := "Merge [`" + id + "`](" + link + ") first"
	return bytes.Replace(text, []byte("\n"+plain), []byte("\n"+linked), 1)
}

// Sentences are all that the text of a unit says, besides what was found, its differences and
// the lists of files. Each stands there where its condition holds, and nowhere else.
var Sentences = []Sentence{
	{intro, "This comes before the other changes of the module, which share it. By itself it changes nothing that the program does.",
		"The unit is a prelude, no version of the client changes, and no helper is renewed.", is(func(f *facts) bool { return f.prelude() && !f.bumped && !f.renewed })},
	{intro, "This comes before the other changes of the module, which share it. By itself it changes nothing that the program does, apart from the version of etcd's client.",
		"The unit is a prelude, a version of the client changes, and no helper is renewed.", is(func(f *facts) bool { return f.prelude() && f.bumped && !f.renewed })},
	{intro, "This comes before the other changes of the module, which share it. By itself it changes nothing that the program does, apart from the helper package, which it renews.",
		"The unit is a prelude, no version of the client changes, and a helper is renewed.", is(func(f *facts) bool { return f.prelude() && !f.bumped && f.renewed })},
	{intro, "This comes before the other changes of the module, which share it. By itself it changes nothing that the program does, apart from the version of etcd's client and the helper package, which it renews.",
		"The unit is a prelude, a version of the client changes, and a helper is renewed.", is(func(f *facts) bool { return f.prelude() && f.bumped && f.renewed })},
	{intro, "This comes before the other changes of the module: it makes the vendor directory what the go command makes of `go.mod` as it is, so that those show nothing but their own lines. It replaces what a go command has vendored, and nothing that was edited by hand.",
		"The unit refreshes a vendor directory.", is(func(f *facts) bool { return f.unit.Refresh })},
	{intro, "The helper package that is there is of an earlier version of etcdmod. What uses it already uses the new one from here on, and compiles with it. What that does otherwise than the one of v0.1.0: " + strings.Join(finding.Renewed, " "),
		"A helper is renewed.", is(func(f *facts) bool { return f.renewed })},
	{intro, "A `TryLock` of `concurrency.Mutex` that fails is not a read: it puts a key and deletes it again, which costs two raft log entries and two revisions. Whatever polls it fills etcd for as long as somebody else holds the lock.",
		"A loop that tries by TryLock is rewritten.", is(func(f *facts) bool {
			return f.kinds[finding.TryAsksFirst]+f.kinds[finding.TryAsksLeased]+f.kinds[finding.QueueOrder] > 0
		})},
	{intro, "A `Lock` of `concurrency.Mutex` whose deadline ends puts a key and deletes it again, which costs two raft log entries, two revisions and its place in the queue. Whatever tries that again and again fills etcd for as long as somebody else holds the lock.",
		"A call of Lock becomes one of LockWithin.", is(func(f *facts) bool { return f.kinds[finding.JoinsLate] > 0 })},
	{intro, "A `Campaign` of `concurrency.Election` whose deadline ends puts a key and deletes it again, which costs two raft log entries, two revisions and its place in the queue. Whatever tries that again and again fills etcd for as long as somebody else leads.",
		"A call of Campaign becomes one of CampaignWithin.", is(func(f *facts) bool { return f.kinds[finding.CampaignsLate] > 0 })},
	{intro, "A transaction with a put goes through raft whatever it decides, so that each try for a key that is there writes a log entry.",
		"A transaction that creates a key asks first.", is(func(f *facts) bool { return f.kinds[finding.TxnAsksFirst] > 0 })},
	{intro, "A session that each try makes is granted a lease, and has that revoked when it is closed: a raft log entry each, also where the lock is somebody else's.",
		"A session that each try makes becomes the helper's.", is(func(f *facts) bool { return f.kinds[finding.GrantsLate] > 0 })},
	{intro, "With this change, the tries that are rewritten here write nothing while somebody else holds the lock.",
		"All that is rewritten asks before it writes, and nothing else of the module was refused, only reported, ignored, not followed or not covered.", is(func(f *facts) bool { return f.quiet() && !f.rest })},
	{intro, "With this change, the tries that are rewritten here write nothing while somebody else holds the lock. That is not all that there is in the module: “What is not covered” and the report name what was left alone.",
		"As before, but something of the module was refused, only reported, ignored, not followed or not covered, and the text has a list of it.", is(func(f *facts) bool { return f.quiet() && f.rest && f.named })},
	{intro, "With this change, the tries that are rewritten here write nothing while somebody else holds the lock. That is not all that there is in the module: the report (report.html) and the texts of its other changes name what was left alone.",
		"As before, and the text has no list of it.", is(func(f *facts) bool { return f.quiet() && f.rest && !f.named })},
	{intro, "When the lock is released, several may find it free at once: each of those writes, and one wins.",
		"All that is rewritten asks before it writes.", is(func(f *facts) bool { return f.quiet() })},
	{intro, "With this change, these calls of `Lock` read and watch while another session holds the lock, and write when that may win it, when they cannot read or watch, or when they begin with less than 250 ms left.",
		"A call of Lock becomes one of LockWithin.", is(func(f *facts) bool { return f.kinds[finding.JoinsLate] > 0 })},
	{intro, "With this change, these calls of `Campaign` read and watch while another session leads, and write when that may win the lead, when they cannot read or watch, or when they begin with less than 250 ms left.",
		"A call of Campaign becomes one of CampaignWithin.", is(func(f *facts) bool { return f.kinds[finding.CampaignsLate] > 0 })},
	{intro, "With this change, a session of a try is granted its lease when the try finds the lock free or joins the queue.",
		"A session that each try makes becomes the helper's.", is(func(f *facts) bool { return f.kinds[finding.GrantsLate] > 0 })},
	{intro, "With this change, a wait in the queue of `Lock` writes one key, however long it lasts.",
		"A wait in the queue of Lock takes the place of a loop.", is(queues)},
	{intro, "Owners: {}", "The unit has owners.", func(f *facts) []string { return joined(mentioned(f.unit.Owners), " ") }},
	{intro, "What changes in {} compiles only as a whole, so it is one change.", "The unit stands for several keys.", func(f *facts) []string {
		if len(f.unit.Keys) < 2 {
			return nil
		}
		return []string{code(f.unit.Keys)}
	}},
	{intro, "Nothing is bumped here: go.mod and go.sum follow those of the modules that this one replaces by their directories.",
		"The unit has neither a bump nor a rewrite, and is no prelude.", is(func(f *facts) bool { return f.follows })},
	{intro, mergeFirst, "The unit is the one behind the prelude of its module.", func(f *facts) []string {
		if f.beside {
			return nil
		}
		return joined(f.first, "`, `")
	}},
	{intro, mergeAnyway, "The unit is one of several behind the prelude of its module.", func(f *facts) []string {
		if !f.beside {
			return nil
		}
		return joined(f.first, "`, `")
	}},
	{intro, mergeAwaited, "The unit is behind one of another module.", func(f *facts) []string { return f.awaited }},
	{intro, "These modules replace this one by its directory, and may not build between this change and theirs, which come after it: {}",
		"The go.mod or the go.sum of a module changes that others replace by its directory.", func(f *facts) []string {
			if len(f.leads) == 0 {
				return nil
			}
			return []string{code(f.leads)}
		}},

	{changes, "A version of etcd's client changes, with what each “plan” above names. etcdmod knows of the two versions what stands there: what is wrong with the old one, and what remains in the new one. It has not judged what else is new; the last line of a “plan” says where etcd tells that.",
		"A version of the client changes in the unit.", is(func(f *facts) bool { return f.bumps })},
	{changes, "go.mod and go.sum follow the bump in a module that this one is built with.",
		"The unit comes after one of another module, changes go.mod or go.sum, and no version of the client is raised in it.", is(func(f *facts) bool { return f.sums() })},
	{changes, "**guard** ({}): control flow and pace stay.", "A finding of the unit is guarded.", tier(finding.Guard)},
	{changes, "The constructor and the declared types that the mutex flows through are swapped together, for a type that has all of its methods, which the compiler checks.",
		"A mutex is swapped: something else than transactions and campaigns is rewritten.", is(func(f *facts) bool { return f.rewrites > f.kinds[finding.TxnAsksFirst]+f.kinds[finding.CampaignsLate] })},
	{changes, "The transactions begin with the helper's `Txn`, and are otherwise as they were, letter for letter.",
		"A transaction that creates a key asks first.", is(func(f *facts) bool { return f.kinds[finding.TxnAsksFirst] > 0 })},
	{changes, "The calls of `Lock` that are tried again when their deadline ends become `LockWithin`.",
		"A call of Lock becomes one of LockWithin.", is(func(f *facts) bool { return f.kinds[finding.JoinsLate] > 0 })},
	{changes, "The calls of `Campaign` that are tried again when their deadline ends become the helper's `CampaignWithin`; the elections keep their type.",
		"A call of Campaign becomes one of CampaignWithin.", is(func(f *facts) bool { return f.kinds[finding.CampaignsLate] > 0 })},
	{changes, "The sessions that are made for a try become the helper's, with their options, and their mutexes are made with `NewMutexOf`. `.Session`, where it is added, is the client's session in that of the helper: there is one once the lock is held.",
		"A session that each try makes becomes the helper's.", is(func(f *facts) bool { return f.kinds[finding.GrantsLate] > 0 })},
	{changes, "**gate** ({}): the mutex's own clock, or a wait of it where there was none, paces this retry and nothing else.",
		"A finding of the unit is gated.", tier(finding.Gate)},
	{changes, "**collapse** ({}): the loop becomes one call that waits. Success left the loop on every path, a failed round did nothing but wait, and errors have the way out that they had.",
		"A finding of the unit is collapsed.", tier(finding.Collapse)},
	{changes, "The package {} is generated, and imports nothing but etcd's client and the standard library. Its doc comments say what it does, and how.",
		"The unit has generated files.", func(f *facts) []string { return f.packages() }},

	{earning, "Each finding names the first reason alone: when that is gone, another one may come up.",
		"A finding of the unit may get a stronger tier.", is(func(f *facts) bool { return f.earns })},

	{evidence, "{}, its tests and everything in the module that imports it compile as before.",
		"-vet=false, and no -test.", verified(func(f *facts) bool { return !f.vet && !f.test })},
	{evidence, "{}, its tests and everything in the module that imports it compile as before, and `go vet` has nothing new to say.",
		"Vetted, and no -test.", verified(func(f *facts) bool { return f.vet && !f.test })},
	{evidence, "{}, its tests and everything in the module that imports it compile as before, and the tests that passed still pass.",
		"-vet=false -test.", verified(func(f *facts) bool { return !f.vet && f.test })},
	{evidence, "{}, its tests and everything in the module that imports it compile as before, `go vet` has nothing new to say, and the tests that passed still pass.",
		"Vetted and tested.", verified(func(f *facts) bool { return f.vet && f.test })},
	{evidence, "That could not be told of {} (`not-verified`): look at it yourself.", "A file or package could not be verified.", func(f *facts) []string { return joined(f.blind, ", ") }},
	{evidence, "The same holds for this change with the prelude and without the other units of the module.",
		"The module has several units, of which this one is behind another.", is(func(f *facts) bool { return f.several && !f.unit.Prelude && len(f.first) > 0 })},
	{evidence, "The same holds for this change without the other units of the module.",
		"The module has several units, of which this one is behind none.", is(func(f *facts) bool { return f.several && !f.unit.Prelude && len(f.first) == 0 })},
	{evidence, "In files that are rewritten, bytes outside of the changed declarations and the import block are as they were, and no comment is lost.",
		"Something is rewritten.", is(rewrites)},
	{evidence, "The generated files are what this version of etcdmod generates, byte for byte. To see that, in the root of the repository: {}",
		"The unit has generated files.", func(f *facts) []string { return f.check(f.helper) }},
	{evidence, "The generated files with a header are below it what this version of etcdmod generates, byte for byte. To see that, in the root of the repository: {}",
		"The unit has generated files that begin with a header of the user's.", func(f *facts) []string { return f.check(f.headed) }},
	{evidence, "On the commit before it, `go mod vendor`, or `go work vendor` for a workspace, makes the same.",
		"The unit refreshes a vendor directory.", is(func(f *facts) bool { return f.unit.Refresh })},
	{evidence, "`git apply -R` of the patch, or `git revert` of the commit, takes the change back.",
		"No other unit comes after it.", is(func(f *facts) bool { return len(f.next)+len(f.leads) == 0 })},
	{evidence, "`git apply -R` of the patch, or `git revert` of the commit, takes the change back, once what comes after it is taken back.",
		"Other units come after it, of its module or of others.", is(func(f *facts) bool { return len(f.next)+len(f.leads) > 0 })},

	{rolling, "Locks of `concurrency.Mutex` have the same keys with both versions of the client, so that old and new replicas may run together. To go back in production, revert the change.",
		"A version of the client changes in the unit, and nothing is rewritten.", is(func(f *facts) bool { return f.bumps && !rewrites(f) })},
	{rolling, "Old and new replicas may run together, in any order of restarts: they compete for the same keys. Where a lock or a lead is passed on often, old ones may get it more often than new ones until all are new: they write without asking first.",
		"Something is rewritten, and nothing waits in the queue of Lock.", is(func(f *facts) bool { return rewrites(f) && !queues(f) })},
	{rolling, "Old and new replicas may run together: they compete for the same keys. While a new one waits in the queue of `Lock`, an old one that polls does not get the lock.",
		"A wait in the queue of Lock takes the place of a loop.", is(queues)},
	{rolling, "To see the effect, look how fast `raftAppliedIndex` grows while one replica holds the lock, or leads, and others wait: `etcdctl endpoint status -w json`, before and after.",
		"Something is rewritten.", is(rewrites)},
	{rolling, "The space that failed tries have taken does not come back by itself. Where etcd says `mvcc: database space exceeded`, run `etcdctl compact REVISION` (the `revision` of `etcdctl endpoint status -w json`), `etcdctl defrag --endpoints=MEMBER` for one member after the other (the leader last: a member does not answer meanwhile), and then `etcdctl alarm disarm`.",
		"Something is rewritten that wrote keys: not transactions alone, which wrote entries of the raft log.", is(func(f *facts) bool { return f.rewrites > f.kinds[finding.TxnAsksFirst] })},
	{rolling, "To go back in production, revert the change and restart in any order: keys and leases are the same, and nothing is migrated.",
		"Something is rewritten.", is(rewrites)},
	{rolling, "For more, the repository of etcdmod has docs/HELPER.md: what the helper does in each case, with a test for each claim, and how old and new replicas share a lock.",
		"Something is rewritten.", is(rewrites)},
}

// joined is one value made of several names, or none.
func joined(names []string, sep string) []string {
	if len(names) == 0 {
		return nil
	}
	return []string{strings.Join(names, sep)}
}

// mentioned are owners as the text of a pull request names them. A word that hosts of code, and the chats
// that repeat their mails, send to all that they know is no owner, and nobody is called by it.
func mentioned(owners []string) []string {
	out := slices.Clone(owners)
	for i, name := range out {
		if slices.Contains([]string{"@all", "@channel", "@everyone", "@here"}, strings.ToLower(name)) {
			out[i] = quote.Markdown(name)
		}
	}
	return out
}

// told are the sentences of a section that hold.
func (f *facts) told(in section) (out []string) {
	for _, s := range Sentences {
		if s.In != in {
			continue
		}
		for _, value := range s.lines(f) {
			out = append(out, strings.ReplaceAll(s.Text, "{}", value))
		}
	}
	return out
}
