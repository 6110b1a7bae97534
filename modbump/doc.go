// Package modbump is the policy for etcd client versions in a go.mod: which
// requirements are unsafe, why, and what they are bumped to.
//
// It takes the bytes of one go.mod and gives findings and, where the policy
// allows a bump, the bytes of the go.mod with nothing but version tokens
// changed. It reads no file, starts no process and asks no network: whether a
// target exists, what the build list selects and what go.sum then needs is for
// the caller to find out.
//
// # Judging
//
// A version is first identified (identify.go): a release stands for itself, a
// pseudo-version is traced to the tag of its commit or, without one, to the
// time of its commit. The base of a pseudo-version ("v3.3.0-rc.0.0.…") is only
// the nearest ancestor tag and means nothing. The policy table (policy.go) is
// written in the same two terms, and the first row that covers the version is
// the verdict. A version that no row covers is left alone, which is no claim that
// nothing is wrong with it.
//
// Then the file is asked whether a new number in the require line would reach
// the build at all: a replace decides over the require, an exclude forbids a
// target (plan.go).
//
// # Editing
//
// Only the bytes of the version token change (edit.go); a requirement that is missing is a
// line more, a toolchain directive that a raised go line implies a line less. Comments, order,
// blocks, spacing and line endings stay because nothing else is printed. The
// result is parsed again and compared with the input before it is given out.
package modbump
