// Package tries knows what asks for a lock besides TryLock of the client's mutex: Lock and
// Campaign with a deadline for each call, transactions that create a key if it is missing, and
// TryLock of the helper package.
//
// It gives a [loop.Attempt] for each, which is looked for like TryLock, and tells which of the
// sites found are locks. It names no rule and never edits.
package tries
