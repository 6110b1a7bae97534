package finding

import "go/token"

// A Verdict says why a place that tries a lock is in no finding.
type Verdict string

// The verdicts, the weakest first. Unknown and NotLoaded are what nobody has told to be
// harmless.
const (
	Uncalled   Verdict = "uncalled"    // nothing in the program leads there
	Once       Verdict = "once"        // no cycle on any way to it retries it
	Exported   Verdict = "exported"    // only callers outside of the module could repeat it
	PerItem    Verdict = "per-item"    // each round of the cycles around it has another lock
	PerRequest Verdict = "per-request" // the cycle waits for others, whatever came of the try
	NotLoaded  Verdict = "not-loaded"  // its code was parsed, and not understood
	Unknown    Verdict = "unknown"     // the trail to who runs it is lost
)

// A Try is a place that tries a lock.
type Try struct {
	Pos     token.Position // of the call, or of the name of the method
	Call    string         // as it stands there
	Kind    string         // the method: TryLock, Lock, Campaign or Commit
	Func    string         // the function around it, or ""
	Package string         // import path
	// Findings are the IDs of the findings that it is in. There are none where Verdict
	// says why.
	Findings []string
	Verdict  Verdict
	Why      string
	At       token.Position // where that is seen; zero where there is no one place
}

// Lost reports whether nobody has told what becomes of the try.
func (t Try) Lost() bool { return t.Verdict == Unknown || t.Verdict == NotLoaded }
