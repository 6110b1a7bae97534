// Package account counts the places of a program that try a lock: what a search for
// polling has to account for, one by one.
//
// It takes packages with syntax and types, and gives each place once, however many test
// variants and build configurations have it. It looks at syntax and types alone, so that
// it sees what no call graph has: code after a return, functions without a name or without
// callers, packages with type errors. It never says whether a place is repeated, and it
// shares nothing with the code that does.
package account
