package loop

import "go/ast"

// Replies.
//
// A function that tries says how that ended by a bool, or by an error. What it says need not be
// that the lock is held: "busy" and "try again" are true where another session holds it, and a
// handler may return no error then and one where it has won.

// A reply is what a function that tries gives back for each outcome: whether its bool is true, or
// its error nil.
type reply struct{ won, locked, failed Tristate }

// plainly is the reply of a function that says whether the lock is held, and of any that could not be walked.
var plainly = reply{Yes, No, No}

// of returns the reply for one outcome.
func (y reply) of(o Outcome) Tristate {
	switch o {
	case Won:
		return y.won
	case Locked:
		return y.locked
	case Failed:
		return y.failed
	}
	return Unknown
}

// reply returns what a call that tries gives back on a path.
func (t *Walker) reply(call *ast.CallExpr, p *Path) Tristate {
	if t.Replies == nil {
		return plainly.of(p.Outcome)
	}
	return t.Replies(call).of(p.Outcome)
}

func either(a, b Tristate) Tristate {
	if a == b {
		return a
	}
	return Unknown
}
