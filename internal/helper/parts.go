package helper

// Parts are what the package can offer, as a set. Each is a file or two.
type Parts uint8

const (
	// Mutex is the mutex that waits by a watch. Clocks, Within and Session come with it, Txn and
	// Election stand without it as well.
	Mutex Parts = 1 << iota
	// Clocks are tickers, timers and sleeps that end when the lock is released.
	Clocks
	// Within is LockWithin, for a Lock that is given up and tried again.
	Within
	// Session is the session that is made for each try.
	Session
	// Txn is the transaction that looks before it writes.
	Txn
	// Election is CampaignWithin.
	Election

	All = Mutex | Clocks | Within | Session | Txn | Election
)

// The names of the generated files.
const (
	BellFile     = "bell.go"
	ClocksFile   = "clocks.go"
	EarlierFile  = "earlier.go" // names of earlier versions, for code that was rewritten with one
	ElectionFile = "election.go"
	MutexFile    = "mutex.go"
	ReleasedFile = "released.go" // those names of earlier versions that came with the clocks
	SessionFile  = "session.go"
	TxnFile      = "txn.go"
	WatchFile    = "watch.go"
	WithinFile   = "within.go"
)

// table has a row for each file that may be generated, ordered by name.
var table = []struct {
	name    string
	of      Parts // the part that it belongs to
	earlier bool  // only for code that uses what earlier versions offered
}{
	{BellFile, Clocks, false},
	{ClocksFile, Clocks, false},
	{EarlierFile, Mutex, true},
	{ElectionFile, Election, false},
	{MutexFile, Mutex, false},
	{ReleasedFile, Clocks, true},
	{SessionFile, Session, false},
	{TxnFile, Txn, false},
	{WatchFile, Mutex, false},
	{WithinFile, Within, false},
}

// Files are the names of all files that may be generated.
var Files = func() (names []string) {
	for _, f := range table {
		names = append(names, f.name)
	}
	return names
}()

// Has reports whether p has all of q.
func (p Parts) Has(q Parts) bool { return p&q == q }

// whole is p with the part that others of p stand on.
func (p Parts) whole() Parts {
	if p&(Clocks|Within|Session) != 0 {
		p |= Mutex
	}
	return p
}

// PartsOf returns the parts that files, by name, have as some version of etcdmod generated them.
func PartsOf(files map[string][]byte) Parts {
	var p Parts
	for _, f := range table {
		if !f.earlier && IsGenerated(files[f.name]) {
			p |= f.of
		}
	}
	return p
}
