// Package edit changes the text of one file: tokens, imports and whole declarations.
//
// It takes the bytes of a file and what is to be replaced in them, and gives new bytes. What
// it is not told to change stays as it is, byte for byte, but for the columns that gofmt
// gives a declaration that was gofmt-clean before. It never looks at types and never writes.
package edit
