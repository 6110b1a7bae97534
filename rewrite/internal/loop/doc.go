// Package loop finds the tries for a lock and what repeats them, and walks what it has found.
//
// It takes the files of one build configuration and what to look for, an [Attempt], and gives
// a [Site] for each cycle that retries it: where it is, by which ways it gets to the tries,
// and what paces it. A site answers for itself: its rounds are walked once for each outcome of
// a try, and from these paths are told whether it goes on after success, gives the lock back,
// is bounded, waits, or does nothing but try.
//
// It names no rule, proves no rewrite and never edits: whoever asks decides what an answer
// means.
package loop
