// Package callgraph says which functions the calls of a program may run, and who makes
// them run.
//
// It takes packages that were loaded with syntax and types, and gives their functions in
// SSA form with the edges between them: calls as variable type analysis resolves them, and
// besides calls what else makes a function run: function values that are given to code
// without a body, stored in its types, or sent through channels. What code without a body
// gives back may be anything of the right type that was given to it.
//
// A package with type errors of its own has no SSA; its importers do. Test variants and
// instances of generic code are functions of their own here; a position stands for all of
// them. The package never judges what it finds, and it never looks at names of other
// modules: what their functions do with what they are given is for others to know.
package callgraph
