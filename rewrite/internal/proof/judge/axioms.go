package judge

// An axiom says what one clock of the helper package means. It is believed here, not proved:
// the test that is named shows it, against real servers.
type axiom struct {
	method string // of the helper's Mutex
	kind   clockKind
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
	{"Sleep", asleep, "ends after the duration, or with the release", "TestReleaseDuringTheWaitEndsIt"},
	{"After", channel, "fires once, after the duration or with the release", "TestReleaseBetweenTwoWaitsEndsTheSecond"},
	{"Tick", channel, "fires at the regular times and with the release", "TestWaitAfterAnotherErrorIsFull"},
	{"NewTicker", object, "fires at the regular times and with the release; Stop and Reset are those of a time.Ticker", "TestTickerKeepsItsPhase"},
	{"NewTimer", object, "fires once, after the duration or with the release; Stop and Reset are those of a time.Timer", "TestStopAndResetLikeThoseOfPackageTime"},
}

func clockNamed(method string) *axiom {
	for i := range axioms {
		if axioms[i].method == method {
			return &axioms[i]
		}
	}
	return nil
}
