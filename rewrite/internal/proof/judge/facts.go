package judge

// Facts are what the judge has seen of a loop that decides what its rewrite changes. The first
// proof tells the differences from the syntax; where the two do not agree, one of them is wrong.
type Facts struct {
	// Of a collapse.
	WaitsFirst bool // every first try came after a wait
	Retries    bool // other errors were retried
	Deaf       bool // a wait did not end with the context

	// Of both: the length of a wait is logged, or told by an error.
	TellsLess bool

	// Of a gate.
	Restarts bool // each round began its wait anew
	PutIn    bool // a wait was put in
	Short    bool // all intervals are constants below that of a clock which gets a watch
	Early    bool // the clock may run before the try that its wait comes after
	Logs     bool // a failed round that goes on writes a line or a metric
}

// A Verdict is what the judge says of one loop.
type Verdict struct {
	Against *Objection // nil: it passes
	Facts   Facts
}
