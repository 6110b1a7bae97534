package finding

// A Tier says how much of a polling site is rewritten. A higher tier includes the
// lower ones.
type Tier int

const (
	// Refuse leaves the code as it is; the finding carries the reason.
	Refuse Tier = iota
	// Guard swaps the constructor and the declared types: TryLock reads before it writes.
	Guard
	// Gate also swaps the clock: the loop wakes on release or after the old interval.
	Gate
	// Collapse replaces the whole loop with one call that waits.
	Collapse
)

var tierNames = [...]string{"refuse", "guard", "gate", "collapse"}

func (t Tier) String() string { return tierNames[t] }

// MarshalText gives the name that reports use.
func (t Tier) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// ParseTier is the inverse of String for the tiers that rewrite something.
func ParseTier(name string) (Tier, bool) {
	for t := Guard; t <= Collapse; t++ {
		if tierNames[t] == name {
			return t, true
		}
	}
	return Refuse, false
}
