// Package gosum completes the go.sum of a module whose go.mod was edited.
//
// It takes a module's directory and the bytes that its go.mod and go.sum shall
// have, and gives the bytes of the go.sum that the go command then needs. It
// never writes to the module: the go command works on copies of the two files in
// a scratch directory (-modfile), with the module's own source files and
// relative replacements as they are. It never removes or changes a line of the
// go.sum, it is not "go mod tidy", and it never lets a change of the go.mod out.
//
// Modules are downloaded to the module cache and checked against the checksum
// database as the user's environment says, so a version that cannot be had, or
// that is not what it was, is an error here.
package gosum
