// Package rewrite finds the code of one module that polls etcd locks and rewrites it.
//
// It takes a module loaded with syntax and types, and gives findings and the new bytes of
// files. It never prints, never runs a command, and never writes a file.
//
// What is here are the rules, one file each with its documentation, the table of them
// (rules.go), and the plan: which tier each finding gets, and the edits for it. A new rule is
// a file with a value, a row in the table, and a folder in testdata/rule. The rest are rooms
// with narrow doors, each of which needs only those before it:
//
//   - source: the files of a module, their types, and what is known of etcd's clients;
//   - edit: tokens, imports and declarations in the text of one file;
//   - flow: everything that must change its type together with a mutex (guard);
//   - callgraph, repeat, verdict, account: who calls what again, and what becomes of each try;
//   - loop: what is retried, what repeats it, and what a round does for each outcome of a try;
//   - tries: what asks for a lock besides TryLock;
//   - proof: whether the clock may be swapped (gate) and the loop replaced (collapse).
//
// The way of a finding: [Analyze] searches each build configuration for the attempts that the
// rules are about; the first rule of the table that matches a loop names it, and proof says
// how far its rewrite may go; what the configurations found is joined, and comments that ask
// to ignore a finding are heeded. [Plan.Changes] makes the bytes for the tiers as they are
// then, lowering what cannot be carried out.
package rewrite
