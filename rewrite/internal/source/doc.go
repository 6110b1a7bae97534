// Package source is one module as it was loaded: every file once, with its bytes, its syntax
// and its types, in each build configuration.
//
// It takes packages from one load and answers questions about them: where something is
// declared, what names and types mean, which types are those of an etcd client or of a fork
// of it, and which files cannot be edited. It never looks for loops and never edits.
package source
