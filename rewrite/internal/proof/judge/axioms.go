package judge

import "golang.org/x/tools/go/ssa"

// An axiom says what one clock of the helper package means. It is believed here, not proved:
// the test that is named shows it, against real servers.
type axiom struct {
	method string // of the helper's Mutex
	kind   clockKind
	anew   bool // each wait of it begins with a call of it, or of Reset
	once   bool // it fires no more after that
	means  string
	test   string // in e2e/helper
}

type clockKind int

const (
	asleep  clockKind = iota // the call itself waits
	channel                  // what it returns is received from
	object                   // it returns a Ticker or a Timer
)

// axioms are what the clocks mean: each waits as the function of package time that has the
// same name, and ends early when the lock that the last try met is released. Each may be
// asked of a nil mutex (TestClocksOfANilMutexAreThoseOfPackageTime).
var axioms = []axiom{
	{"Sleep", asleep, true, false, "ends after the duration, or with the release", "TestReleaseDuringTheWaitEndsIt"},
	{"After", channel, true, true, "fires once, after the duration or with the release", "TestReleaseBetweenTwoWaitsEndsTheSecond"},
	{"Tick", channel, false, false, "fires at the regular times and with the release", "TestWaitAfterAnotherErrorIsFull"},
	{"NewTicker", object, false, false, "fires at the regular times and with the release; Stop and Reset are those of a time.Ticker", "TestTickerKeepsItsPhase"},
	{"NewTimer", object, true, true, "fires once, after the duration or with the release; Stop and Reset are those of a time.Timer", "TestStopAndResetLikeThoseOfPackageTime"},
}

// A waitAxiom says what one wait of the helper package means.
type waitAxiom struct {
	method  string
	retries bool // other errors than the ends of the context and the session
	means   string
	test    string // in e2e/helper
}

// waitAxioms are what comes in the place of whole loops. All return nil when the lock is held,
// the context's error once that has ended, and an error once the session has
// (TestWaitEndsWithItsSession).
var waitAxioms = []waitAxiom{
	{"WatchLock", false, "returns other errors of a try", "TestWatchLockEndsWithItsContext"},
	{"WatchLockRetry", true, "tries again after other errors, at the interval that it is given", "TestLoopWithTooShortDeadlinesRecovers"},
	{"Lock", false, "returns other errors, as Lock of the client's mutex does", "TestAnswersLikeThePlainMutex"},
}

// waitCalled returns what is known of a call of one of the helper's waits, or nil.
func (j *Judge) waitCalled(in ssa.Instruction) *waitAxiom {
	c, ok := in.(*ssa.Call)
	if !ok || c.Call.StaticCallee() == nil || c.Call.StaticCallee().Signature.Recv() == nil || !j.isHelper(c.Call.StaticCallee().Signature.Recv().Type(), "Mutex") {
		return nil
	}
	for i := range waitAxioms {
		if waitAxioms[i].method == c.Call.StaticCallee().Name() {
			return &waitAxioms[i]
		}
	}
	return nil
}

func clockNamed(method string) *axiom {
	for i := range axioms {
		if axioms[i].method == method {
			return &axioms[i]
		}
	}
	return nil
}
