// Package judge proves gates and collapses a second time, from the code as it will be.
//
// The first proof looks at the syntax of a loop and says what may come in its place. This one
// is given the function before and after the edit, both as SSA, and knows nothing of what the
// first has found: not which variable is a counter, nor which clock is the loop's own. What it
// does not understand it does not let pass, and the next weaker tier is tried.
//
// A gate is right if
//
//   - the new function is the old one, instruction by instruction, once the clocks of the helper
//     package are taken for those of package time and the waits that were put in are left out
//     (iso.go);
//   - the clocks wait between the tries of one loop, for the mutex that it tries, and a try that
//     succeeds ends the loop (clock.go); that a clock fires, which it does early, ends no loop,
//     not by way of a variable either (fired.go), that a try comes before the next wait, and that
//     how long a wait took is only told (measured.go), also by functions around that run the loop and
//     wait for it (frames.go);
//   - nothing that one round leaves behind decides anything in a later one, nor is it read by
//     others: the release of the lock makes one round more, and the rounds that were there must not
//     notice (carried.go, seen.go, appended.go, chance.go). What is only logged may differ, unless a method that is
//     asked for the line, or a handler that it goes to, writes something (tells.go, sinks.go, wrote.go);
//   - where the mutex is looked up earlier than before, it is the same one, and nothing lies
//     between that might have kept it from being looked up at all (moved.go, memory.go).
//
// A collapse is right if both functions, run in the same scenarios, do the same as far as others
// can see (collapse.go, run.go, calls.go): tries are refused, up to three in a row, and then one
// succeeds or fails, or the context ends during a wait. The end of the session, which the loop
// would not have noticed, has to be told as an error. This is bounded translation validation: what
// comes behind the loop is run through twice at most. A loop that waits for watch events is one
// whose clock ticks with each event; that the events are those of the lock is the word of the first
// proof alone.
//
// What the calls of the helper package mean stands in axioms.go.
package judge
