package modbump

import "golang.org/x/mod/module"

// Rule is the name of the one rule of this package.
const Rule = "unsafe-client"

// An Action is what the policy does about a finding.
type Action string

const (
	// Bump: the version token is replaced; there is an Edit for it.
	Bump Action = "bump"
	// Report: the version has a known defect, but the policy leaves it alone.
	Report Action = "report"
	// Refuse: the version has to go, but not by changing this requirement.
	Refuse Action = "refuse"
)

// A Finding is one requirement of the go.mod that the policy has something to
// say about.
type Finding struct {
	Rule string // always [Rule]

	// Module and Version are the requirement as the go command reads it, also
	// when a replace directive decides what is built.
	Module, Version string
	// Target is the version that is, or would be, bumped to. It is empty where
	// no other version of the same module path would do.
	Target string

	// Line and Col are where the version token starts in the input; both count
	// from 1, Col in bytes.
	Line, Col int

	// Message is one sentence: what is required, what is wrong with it and what
	// comes of it.
	Message string
	// Evidence names the source of each claim: etcd's issue or commit, and the
	// releases that have the fix.
	Evidence []string
	// Remains names the known defects of lock clients that Target still has.
	Remains []string

	Action Action
	// Reason is why the requirement is not bumped; empty with Bump.
	Reason Reason
	// Indirect says that the requirement is marked "// indirect", or would be.
	Indirect bool
	// Transitive says that the go.mod does not require the module; Line and Col are
	// those of the requirement that it comes through, the first of Via.
	Transitive bool
	Via        []module.Version
	// Leaks says that what is built has the leak of etcd issue #8338, which takes a
	// watch with a deadline.
	Leaks bool
	// Harmless says that no package of the client is part of what is built. A transitive
	// module is left alone then; a line for it would only have to be looked after.
	Harmless bool
	// Replacement says that a replace directive of the go.mod is bumped, not a
	// requirement.
	Replacement bool
	// Edits are those of the go.mod that the bump takes; none with another action.
	Edits []Edit
}

// An Edit replaces one version token, adds a line, or removes one.
type Edit struct {
	Start, End int    // byte offsets in the input; the same where a line is added
	Line       int    // in the input, from 1
	Old, New   string // the bytes in [Start, End), and what replaces them

	from, to string // the directive before and after, for verify
}

// A Result is what the policy makes of one go.mod.
type Result struct {
	// Findings are in the order of the requirements in the file; those of modules that
	// it does not require come last.
	Findings []Finding
	// Edits are those of all findings, in the order of the file; they do not overlap.
	Edits []Edit
	// Edited is the go.mod with the edits made. Without edits it equals the
	// input, byte for byte.
	Edited []byte

	gomod []byte
}

// Edit returns the go.mod with the edits of some of the findings.
func (r *Result) Edit(findings []Finding) []byte {
	return apply(r.gomod, editsOf(findings))
}

// editsOf returns the edits of findings, in the order of the file.
func editsOf(findings []Finding) []Edit {
	var edits []Edit
	for _, f := range findings {
		edits = append(edits, f.Edits...)
	}
	return tidyEdits(edits)
}
