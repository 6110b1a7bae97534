// Package rewrite finds the code of one module that polls etcd locks and rewrites it.
//
// It takes a module loaded with syntax and types, and gives findings and the new bytes of
// files. It never prints, never runs a command, and never writes a file.
//
// The way of a finding:
//
//   - site.go finds loops that retry TryLock, by type and not by name, and reach.go those
//     that get there through functions, function values and interfaces; clock.go finds
//     what paces them; paths.go walks one round of the loop for each outcome of a try
//     (pathstmt.go, pathbranch.go and pathcond.go have the statements, the branches and
//     the conditions, exits.go the calls that do not return). repeat.go knows libraries
//     that repeat what they are given, values.go where functions are kept, region.go what a
//     goto repeats, and wait.go what may wait and what returns at once.
//   - attempt.go says what is looked for in this way: TryLock, and what stands for it in
//     older or home-made locks (timed.go, txn.go, txnsite.go). kind.go tells under which rule a loop
//     falls, and session.go whether each try makes a session. The rule_*.go files document
//     the rules; ignore.go takes away what comments in the source ask to ignore.
//   - etcd.go knows the client's packages, and fork.go when a fork of them will do.
//   - flow.go finds everything that the mutex flows through, from its constructor to the
//     loop: walk.go reads the files, expr.go knows what stands for the same type, assign.go
//     what is of the same type as what, box.go what may meet in an interface, embed.go what
//     structs inherit; component.go judges whether all of it can change together (guard).
//   - gate.go proves that the clock may fire on release as well (gate): inert.go says what
//     a round may do besides, ownclock.go and fixed.go that clock and mutex are its own,
//     spin.go where a wait can go into a loop without any.
//   - collapse.go proves that the whole loop may go (collapse): shape.go places its
//     statements, scope.go looks at their names, interval.go at the interval, and storm.go
//     at the key of loops that watch.
//   - plan.go chooses the strongest tier that is proved and makes the edits: guard and
//     gate replace tokens (textedit.go, imports.go), collapse changes the dst tree and
//     splices the text of the changed declaration (splice.go).
package rewrite
