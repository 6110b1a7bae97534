// ignore-directive: an etcdmod:ignore comment is malformed, or ignores nothing.
//
// A comment of the form
//
//	//etcdmod:ignore RULE[,RULE...] reason
//
// keeps findings of a rule from being reported and rewritten: on the line of the loop, on
// the line above it, or, in the documentation of a function, in the whole function. The
// reason is for the next reader and has to be there. The loop's mutex may be swapped all
// the same, where another loop that uses it is rewritten.
//
// Before:
//
//	//etcdmod:ignore trylock-poll
//	for mu.TryLock(ctx) != nil {
//		time.Sleep(time.Second)
//	}
//
// After (by hand):
//
//	//etcdmod:ignore trylock-poll one replica, and a test that counts its tries
//	for mu.TryLock(ctx) != nil {
//		time.Sleep(time.Second)
//	}
//
// Why it is not rewritten: nobody but the author knows the reason. A directive whose loop
// has gone should go too, before it hides the next one; it stays where the package does not
// type-check, since what it is for may be among what could not be analysed. Findings of
// this rule count as something that was refused, for the exit code as well.
package rewrite

import "etcdmod/internal/finding"

var ignoreDirective = &rule{id: finding.IgnoreRule, about: aComment, top: finding.Refuse}
