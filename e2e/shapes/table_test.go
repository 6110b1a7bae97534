package shapes_test

// What becomes of a shape when it is rewritten. A shape gets the strongest tier that is
// proved for it, or a weaker one that was asked for.
const (
	refused  = "refuse"
	guard    = "guard"
	gate     = "gate"
	collapse = "collapse"
)

var strength = map[string]int{refused: 0, guard: 1, gate: 2, collapse: 3}

// A kind is what follows when a candidate has got the lock.
type kind int

const (
	waits  kind = iota // it works under the lock, gives it up and ends
	leads              // it goes on trying, to see that the lock is still its own
	works              // it does a job and gives the lock up, in each round
	giveUp             // it has given up before the lock is released
)

// A shape is a function of testdata/module, and a way to poll.
type shape struct {
	name string
	tier string // the strongest one
	kind kind
	rule string // trylock-poll unless it is another one
	loop string // the function that has the loop, where it is another one
	lock string // what follows its key in the name of the lock that is held
	keys int    // that it tries in each round, if more than one
	wild bool   // nothing paces it
	// queues says that -strategy=lock makes the loop a queue.
	queues bool
}

var shapes = []shape{
	{name: "tickerSelect", tier: collapse},
	{name: "tickerReturns", tier: collapse, loop: "awaitTurn", queues: true},
	{name: "tickerLogs", tier: gate},
	{name: "tickerRange", tier: gate},
	{name: "tick", tier: guard},
	{name: "sleepEnd", tier: gate, loop: "sleepUntilHeld"},
	{name: "sleepReturns", tier: collapse, queues: true},
	{name: "sleepDefault", tier: collapse},
	{name: "sleepGoto", tier: gate},
	{name: "afterSelect", tier: collapse},
	{name: "afterDeadline", tier: gate, rule: "bounded-retry"},
	{name: "afterDeadlineComes", tier: gate, rule: "bounded-retry", kind: giveUp},
	{name: "afterVariable", tier: gate},
	{name: "timerReset", tier: gate},
	{name: "timerRound", tier: gate},
	{name: "timerHelper", tier: guard},
	{name: "attemptContext", tier: gate},

	{name: "spinContinue", tier: gate, rule: "trylock-spin", wild: true},
	{name: "spinGoto", tier: gate, rule: "trylock-spin", wild: true},
	{name: "spinDefault", tier: gate, rule: "trylock-spin", wild: true},
	{name: "spinWorker", tier: gate, rule: "trylock-spin", wild: true},
	{name: "spinAttempts", tier: guard, rule: "trylock-spin", kind: giveUp, wild: true},
	{name: "watchStorm", tier: collapse, rule: "watch-storm", loop: "watchName", wild: true},

	{name: "waitUntil", tier: guard, kind: leads},
	{name: "waitPoll", tier: guard},
	{name: "waitBackoff", tier: guard},
	{name: "cenkaltiRetry", tier: guard},
	{name: "avastRetry", tier: guard, kind: giveUp},
	{name: "sethvargoRetry", tier: guard},
	{name: "lestrratContinue", tier: guard},
	{name: "cronJob", tier: guard, rule: "periodic-job", kind: works},

	{name: "wrapError", tier: guard},
	{name: "wrapBool", tier: guard},
	{name: "wrapContext", tier: guard},
	{name: "wrapLock", tier: guard},
	{name: "recursion", tier: guard, loop: "recur"},

	{name: "fromField", tier: gate, loop: "standBy"},
	{name: "fromInterface", tier: guard},
	{name: "fromEmbedding", tier: gate},
	{name: "fromMap", tier: guard},
	{name: "fromChannel", tier: gate},
	{name: "fromSlice", tier: collapse, lock: ".b", queues: true},
	{name: "fromGeneric", tier: collapse},
	{name: "fromCopy", tier: refused},

	{name: "periodicJob", tier: guard, rule: "periodic-job", kind: works},
	{name: "cronFunc", tier: guard, rule: "periodic-job", kind: works},
	{name: "periodicSkips", tier: guard, rule: "periodic-job", kind: works},
	{name: "periodicCall", tier: guard, rule: "periodic-job", kind: works},
	{name: "manyKeys", tier: guard, rule: "leader-check", kind: leads, lock: ".a", keys: 2},
	{name: "leaderCheck", tier: guard, rule: "leader-check", kind: leads},
	{name: "leaderEnds", tier: guard, rule: "leader-check", kind: leads},
	{name: "losersAct", tier: guard, rule: "leader-check", kind: leads},
	{name: "twoConditions", tier: guard, rule: "leader-check", loop: "run", kind: leads},
	{name: "sessionSwap", tier: guard},
	{name: "sessionPerTry", tier: guard},
	{name: "attempts", tier: guard, rule: "bounded-retry", kind: giveUp},
	{name: "attemptsEndless", tier: guard, rule: "bounded-retry", loop: "acquire"},
}
