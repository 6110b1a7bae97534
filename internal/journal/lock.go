package journal

import "time"

// A lockMode is what a journal is opened for.
type lockMode int

const (
	lockCreate    lockMode = iota // to begin a run; makes the file
	lockExclusive                 // to complete a run
	lockShared                    // to look whether a run is active
)

// Whoever merely looks holds the lock for an instant; so does a process that
// was forked and has not got to its exec. A run outlives this patience.
const (
	lockPatience = 250 * time.Millisecond
	lockPause    = 5 * time.Millisecond
)
