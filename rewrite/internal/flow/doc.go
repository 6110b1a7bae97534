// Package flow finds everything that must change its type together with a mutex.
//
// It takes the files of all build configurations of a module and gives, for the mutex that
// is tried somewhere, its component: all declarations, type expressions and constructor
// calls that it flows through, and the reasons why they cannot change, if there are any. It
// knows no loops, no rules and no tiers, and never edits.
package flow
