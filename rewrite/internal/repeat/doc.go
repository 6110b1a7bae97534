// Package repeat says what repeats a call: the loops, circles of calls, timers and
// libraries on the ways that lead to it, and whether each of them asks for the same lock
// again and again, or for another one each time.
//
// It takes a call graph and the positions of calls that try a lock. For each of them it
// walks from caller to caller, and carries along what the lock depends on. It gives the
// places on the way; whether a round goes on because a try failed, and what paces it, is
// for those to say who look at the statements of the loop.
//
// It knows nothing of etcd but which functions make a lock of a name.
package repeat
