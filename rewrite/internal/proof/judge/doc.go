// Package judge proves gates a second time, from the code as it will be.
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
//     succeeds ends the loop (clock.go);
//   - nothing that one round leaves behind decides anything in a later one: the release of the
//     lock makes one round more, and the rounds that were there must not notice (carried.go);
//   - where the mutex is looked up earlier than before, it is the same one, and nothing lies
//     between that might have kept it from being looked up at all (moved.go, memory.go).
//
// What the calls of the helper package mean stands in axioms.go.
package judge
