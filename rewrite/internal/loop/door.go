package loop

import (
	"go/ast"
	"go/token"
	"go/types"
)

// The door.
//
// These types are all that the proofs, the rules and the reports know of how tries are
// found. They name syntax and types, and no rule: which rule a polling falls under is told
// later, from the walk by outcome. Whatever finds tries gives [Polling] values; nodes belong
// to the files that were loaded, positions to their file set.

// A Polling is a cycle in which the same lock is asked for again after a try that failed.
type Polling struct {
	Cycle Cycle
	// Tries are in the cycle itself, or, where Chain is not empty, at the ends of the ways
	// that lead out of it. There is at least one.
	Tries []Try
	// Calls are the calls in the cycle that lead to the tries; nil where those are in the
	// cycle itself.
	Calls []*ast.CallExpr
	// Chain is one way from the cycle to a try, the shortest that is known. It is empty where
	// the try is in the cycle itself.
	Chain Chain
	// Clocks are what the cycle waits for before it asks again, in the order of the source.
	// None means that nothing paces it, as far as that is known.
	Clocks []*Clock
}

// A Try is one place that asks for a lock and may fail to get it.
type Try struct {
	// Node is the call that asks, an *ast.CallExpr; or, where a function value or an
	// interface hides it, the expression that hands on the method or the mutex.
	Node  ast.Expr
	Mutex Mutex
}

// A Mutex is the lock that a try asks for, as the source names it there.
type Mutex struct {
	// Expr is the receiver of the call: a variable, a field, or what gives it. It is nil
	// where the lock has no value of its own, as a key that a transaction creates.
	Expr ast.Expr
}

// A CycleKind says what goes round in a cycle, and with it what its node is.
type CycleKind int

const (
	For       CycleKind = iota // *ast.ForStmt
	Range                      // *ast.RangeStmt, whatever it ranges over, iterators included
	Goto                       // *ast.LabeledStmt to which a goto behind it leads back
	Recursion                  // *ast.CallExpr by which Func comes back to itself, maybe through others
	Repeater                   // *ast.CallExpr of a function of another module that calls again and again what it is given
	Timer                      // *ast.CallExpr that arms a timer whose function arms it again
	Channel                    // *ast.CallExpr of a function that was received from a channel and sends itself there again
)

// A Cycle is what makes a try come again.
type Cycle struct {
	Kind CycleKind
	Node ast.Node
	// Func is the innermost function around Node: an *ast.FuncDecl or *ast.FuncLit.
	Func ast.Node
}

// A Hop is one step on the way from a cycle to a try: a call, a function value that is
// handed on, or a mutex that is converted to an interface.
type Hop struct {
	Node ast.Expr
	// To is the declaration that the step leads to: the name of a function, of a variable
	// that holds one, or the start of a function literal. It is not valid at the last hop,
	// whose node is the try, or has the mutex itself.
	To token.Pos
}

// A Chain is the way from a cycle to a try. Its first hop stands in the cycle, its last one
// is the try.
type Chain []Hop

// A ClockKind says by what a cycle waits.
type ClockKind int

const (
	Sleep      ClockKind = iota // time.Sleep(d)
	After                       // time.After(d), directly or in a variable of the round
	Tick                        // time.Tick(d), directly or in a variable
	Ticker                      // time.NewTicker(d)
	TimerClock                  // time.NewTimer(d)
	Watch                       // events of an etcd watch
	OtherClock                  // a channel of times from elsewhere
)

// A Clock is what a cycle waits for between tries.
type Clock struct {
	Kind ClockKind
	// Wait is where it waits: the receive, the Sleep call, or what a loop ranges over.
	Wait ast.Node
	// Made is the call that makes the clock, such as time.NewTicker(d) or client.Watch(...);
	// nil where it is not known.
	Made *ast.CallExpr
	// Var is the variable that holds the ticker, the timer or the channel, and Decl the
	// statement that defines it; nil where there is none.
	Var  types.Object
	Decl ast.Stmt
	// PerWait says that the clock is made anew for every wait.
	PerWait bool
}
