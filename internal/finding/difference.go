package finding

import (
	"cmp"
	"go/token"
	"slices"
	"strings"
)

// A Difference is one thing that a program does otherwise once a finding is rewritten. The
// proofs compute it from the loop; what is not listed stays as it was.
type Difference struct {
	Kind DifferenceKind
	// Value is what it holds for, as the source has it: an interval, a context, a statement.
	// The sentence of a kind that names none has no use for it.
	Value string
	Pos   token.Position // of that
}

// A DifferenceKind names a kind of difference. [Differences] has what each says.
type DifferenceKind string

const (
	// What the type of the mutex changes.
	TryAsksFirst  DifferenceKind = "try-asks-first"
	TryAsksLeased DifferenceKind = "try-asks-leased"
	TryInDeadline DifferenceKind = "try-in-deadline"
	HeldTryReads  DifferenceKind = "held-try-reads"
	KeyAfterError DifferenceKind = "key-after-error"
	JoinsLate     DifferenceKind = "joins-late"
	TxnAsksFirst  DifferenceKind = "txn-asks-first"
	GrantsLate    DifferenceKind = "grants-late"
	GrantInTime   DifferenceKind = "grant-in-deadline"
	CampaignsLate DifferenceKind = "campaigns-late"
	LeaderGap     DifferenceKind = "leader-gap"
	MissesTurn    DifferenceKind = "misses-turn"
	LockRepeats   DifferenceKind = "lock-repeats-delete"
	AsksAgain     DifferenceKind = "asks-again"
	HeaderOfWin   DifferenceKind = "header-of-win"

	// What the clock of the mutex changes.
	WakesAtRelease  DifferenceKind = "wakes-at-release"
	IntervalRestart DifferenceKind = "interval-restarts"
	OnceMore        DifferenceKind = "once-more"
	StaleWake       DifferenceKind = "early-after-error"
	SpinWaits       DifferenceKind = "spin-waits"
	LessOften       DifferenceKind = "less-often"

	// What a wait in the place of the loop changes.
	TriesAtRelease  DifferenceKind = "tries-at-release"
	MuteWatch       DifferenceKind = "mute-watch"
	FirstTryAtOnce  DifferenceKind = "first-try-at-once"
	ErrorsUnseen    DifferenceKind = "errors-unseen"
	RetryFloor      DifferenceKind = "retry-floor"
	RetryPause      DifferenceKind = "retry-pause"
	IntervalOnce    DifferenceKind = "interval-read-once"
	SessionEndTold  DifferenceKind = "session-end-told"
	SessionEndError DifferenceKind = "session-end-error"
	SessionEndLate  DifferenceKind = "session-end-late"
	CancelAtOnce    DifferenceKind = "cancel-at-once"
	CancelLate      DifferenceKind = "cancel-late"
	QueueOrder      DifferenceKind = "queue-order"
	QueueCleanUp    DifferenceKind = "queue-clean-up"
	OtherEvents     DifferenceKind = "other-events"
	WatchEnds       DifferenceKind = "watch-ends"

	// Of clocks and waits alike.
	HoldsWatch DifferenceKind = "holds-watch"
	SpreadsOut DifferenceKind = "spreads-out"
	TellsLess  DifferenceKind = "tells-less"
)

// A DifferenceRow says what a kind of difference means.
type DifferenceRow struct {
	Kind DifferenceKind
	Text string // a sentence; {} stands for the value
	When string // the condition under which it holds
}

// Differences has a row for each kind, in the order in which findings list them.
var Differences = []DifferenceRow{
	{TryAsksFirst, "{} asks before it writes: a try that meets another holder writes nothing (it wrote two raft entries), and one that wins takes a round trip more.",
		"The finding is rewritten, what it tries is TryLock, and no package of the module imports the client's package leasing."},
	{TryAsksLeased, "{} asks before it writes; through a client of package leasing, a try that meets another holder still costs a raft entry.",
		"As try-asks-first, and a package of the module imports the client's package leasing."},
	{AsksAgain, "If the read before a try fails, it is made once more, and a server that is silent for 4 s is asked again, before the try fails.",
		"The finding is rewritten, and what it tries is TryLock."},
	{TxnAsksFirst, "The transaction is committed with reads alone first: where the key is there, nothing is written (it wrote a raft entry), and where it is missing, it takes a round trip more.",
		"A transaction that creates a key if it is missing begins with Txn of the helper."},
	{GrantsLate, "The session is granted its lease by the try, when that finds the lock free or joins the queue: one that meets another holder has none granted and revoked (two raft entries), and an error of the grant is one of the try.",
		"A session that each try makes becomes the helper's."},
	{GrantInTime, "The grant is within the deadline of {}; it came before the try.",
		"As grants-late, and the context of the try is given a deadline in the loop or function around it."},
	{JoinsLate, "LockWithin reads and watches while another session holds the lock, and joins the queue when that may win it the lock, when it cannot read or watch, or when it begins with less than 250 ms left; a Lock that failed wrote two raft entries and lost its place.",
		"A call of Lock whose deadline is tried again becomes one of LockWithin."},
	{CampaignsLate, "CampaignWithin reads and watches while another session leads, and joins the queue when that may win it the lead, when it cannot read or watch, or when it begins with less than 250 ms left; a Campaign that failed wrote two raft entries and lost its place.",
		"A call of Campaign whose deadline is tried again becomes one of CampaignWithin."},
	{LeaderGap, "When a leader goes, Leader and Observe find none until a candidate has written its key, a round trip or two; one that was in the queue led at once.",
		"As campaigns-late."},
	{MissesTurn, "Beside programs that queue, each call misses one hand-over.",
		"As joins-late, or campaigns-late."},
	{TryInDeadline, "The round trip more of a try that wins is within the deadline of {}.",
		"The context of a try is given a deadline in the loop or function around it."},
	{HeldTryReads, "A try for the lock that this process holds already writes nothing; it wrote one raft entry.",
		"After a try that succeeds, the loop may try again without having unlocked, with the session that it had."},
	{KeyAfterError, "After a try that fails before it writes, {} names no key, unless the lock was held before; it named the session's.",
		"The module asks the mutex for its Key or IsOwner."},
	{HeaderOfWin, "{} stays that of the try that got the lock; a further try of the holder renewed it.",
		"The module asks the mutex for its Header."},
	{LockRepeats, "{} first repeats a delete of an earlier try that had no answer, if there is one.",
		"The module calls Lock of the mutex, which stays."},

	{WakesAtRelease, "The wait of {} ends early when the lock is released, so that a try comes then.",
		"The clock of the loop becomes the mutex's, with an interval that is not known to be below 100 ms."},
	{IntervalRestart, "After such a wake-up the next interval begins then, so that later tries come earlier, at the old distance.",
		"As wakes-at-release, and each round starts its wait anew (Sleep, After, a timer, Reset of a ticker)."},
	{OnceMore, "{} is done once more for each try at a release that fails.",
		"As wakes-at-release, and the statement, which logs or counts, is on the way from a failed try to the next."},
	{StaleWake, "After a try that ends in an error other than ErrLocked, a wake-up from before it may make one try come early.",
		"As wakes-at-release, the clock may run before the try that its wait comes after (it is not made, or not behind the try, for each wait), and the loop retries other errors."},
	{SpinWaits, "A try that fails is followed by a wait for the release, of {} at most; the loop tried again at once, and sees what else it looks at that much later.",
		"The loop had no wait, and one is put in."},
	{LessOften, "{} is done for each failed try, so less often.",
		"The loop had no wait, and the statement, which logs or counts, is on the way from a failed try to the next."},

	{TriesAtRelease, "It tries when the lock is released, not every {}.",
		"A wait takes the place of the loop, and the loop had a clock."},
	{MuteWatch, "If the watch is silent (a dead connection), a read finds the release, up to 40 s later instead of {}.",
		"A wait that watches takes the place of the loop, whose interval is not known to be 40 s or more."},
	{FirstTryAtOnce, "The first try comes at once; the loop waited for {} first.",
		"A wait takes the place of the loop, and every first try of the loop came after a wait."},
	{ErrorsUnseen, "An error during the wait is seen late, or not at all if it passes; the loop would have returned that of a try then.",
		"A wait takes the place of the loop, and the loop returned errors other than ErrLocked."},
	{RetryFloor, "After an error other than ErrLocked it tries again after 100 ms, not {}.",
		"A wait takes the place of the loop, which retried other errors after a constant interval below 100 ms."},
	{RetryPause, "After an error other than ErrLocked it tries again after a second; the loop waited for the next event.",
		"A wait takes the place of a loop that waited for watch events and retried other errors."},
	{IntervalOnce, "{} is read once, when the wait begins.",
		"A wait takes the place of the loop, which retried other errors and read a field or package variable in each round."},
	{SessionEndTold, "When the session has ended, the wait leaves as {} did, with ErrSessionExpired, and a caller that takes no notice goes on without the lock; the loop would have tried the dead lease again until its context ended.",
		"A wait that watches takes the place of the loop, which retried other errors."},
	{SessionEndError, "When the session has ended it says so at once, with ErrSessionExpired; the loop left with the error of its next try.",
		"A wait that watches takes the place of the loop, which returned other errors."},
	{SessionEndLate, "The end of the session is noticed when the keys before the own one have gone; the loop noticed it at its next try.",
		"Lock takes the place of the loop."},
	{CancelAtOnce, "The end of {} ends the wait at once; the loop noticed it when its interval was over.",
		"A wait takes the place of the loop, which did not receive from the context's Done while it waited, and the context may end."},
	{CancelLate, "It may return up to four seconds after the end of {}, where a write of its own was cut.",
		"A wait that watches takes the place of the loop, and its context may end."},
	{QueueOrder, "It puts one key, and waits in the order of arrival; others that try are refused while it does, also when nobody holds the lock.",
		"Lock takes the place of the loop (-strategy=lock)."},
	{QueueCleanUp, "At the end of {} it deletes its key first, and returns when the servers have answered.",
		"Lock takes the place of the loop, and its context may end."},
	{OtherEvents, "Other keys below the prefix wake it no more.",
		"A wait takes the place of a loop that waited for watch events."},
	{WatchEnds, "A watch that ends is opened again; the loop took its end for an event.",
		"A wait takes the place of a loop that waited for watch events."},

	{HoldsWatch, "While it waits it holds a watch of the holder's key, and reads that key when the watch is open, and then less and less often (in the end every 32 s).",
		"A wait that watches takes the place of the loop, or the mutex's clock with an interval that is not known to be below 100 ms."},
	{SpreadsOut, "After a release at which others were faster, the next one is used after a random time, up to two seconds.",
		"As holds-watch."},
	{TellsLess, "{} tells how long a wait took, or all of them: that is less where one ends early at a release.",
		"As wakes-at-release, or a wait takes the place of a loop with a clock, and the statement logs a length of time that spans a wait, or makes it a part of an error."},
}

// place is that of a kind in [Differences].
func (k DifferenceKind) place() int {
	return slices.IndexFunc(Differences, func(row DifferenceRow) bool { return row.Kind == k })
}

// Text is what a difference says, for its finding.
func (d Difference) Text() string {
	return strings.ReplaceAll(Differences[d.Kind.place()].Text, "{}", d.Value)
}

// InOrder sorts differences as [Differences] has their kinds.
func InOrder(ds []Difference) {
	slices.SortStableFunc(ds, func(a, b Difference) int { return cmp.Compare(a.Kind.place(), b.Kind.place()) })
}
