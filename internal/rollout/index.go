package rollout

import (
	"encoding/json"
	"io"

	"etcdmod/internal/quote"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout/state"
	"etcdmod/internal/vouch"
)

// Format is the version of the index. Members may be added to a version; none changes its
// meaning. Since version 2 files name findings by their IDs.
const Format = 2

// IndexFile is the name of the index in the output directory.
const IndexFile = "index.json"

// TimesFile is the name of the file in the output directory that says how long what took.
// It has all that two runs over the same files do not have in common.
const TimesFile = "times.json"

// times are the content of TimesFile.
type times struct {
	Format  int                `json:"format"`
	Seconds float64            `json:"seconds"` // of the run, or of the longest one of several machines
	Modules map[string]float64 `json:"modules"` // by Dir
	Vouched voucher            `json:"vouched,omitzero"`
}

// An Index says what became of a tree of modules. Paths are slash-separated and relative to
// the root of the repository, those of patches and descriptions to the output directory.
type Index struct {
	Format int    `json:"format"`
	Tool   string `json:"tool"` // version of etcdmod
	By     By     `json:"by"`
	Shard  Shard  `json:"shard,omitzero"` // "2/4" where the modules are those of one machine
	Source Source `json:"source"`
	// Complete is false while a run goes on, and where one was interrupted.
	Complete bool     `json:"complete"`
	Owners   string   `json:"owners,omitempty"` // the CODEOWNERS file
	Notes    []Note   `json:"notes,omitempty"`
	Modules  []Module `json:"modules"` // by Dir

	key       *vouch.Key // vouches for it; nil where none does
	unvouched error      // why none does, of an index that was read
}

// JSON writes the index as it is in its file.
func (x *Index) JSON(w io.Writer) error { return writeJSON(w, x) }

// A Note names what was not looked at.
type Note struct {
	Path   string `json:"path"`
	Detail string `json:"detail"`
	// Fault says that the index lacks something because of it: the exit code is 3.
	Fault bool `json:"fault,omitempty"`
}

// A Module is what became of one module.
type Module struct {
	Dir    string   `json:"dir"`
	Path   string   `json:"path,omitempty"`
	Owners []string `json:"owners,omitempty"` // of its go.mod
	// State is one of those of modules in package report.
	State report.State `json:"state"`
	// Reason is the first one for which something of it is not done; empty where all is.
	Reason string `json:"reason,omitempty"`
	// Incomplete says that something was refused or not covered.
	Incomplete bool     `json:"incomplete,omitempty"`
	Failure    *Failure `json:"failure,omitempty"`
	// After are the directories of the modules whose changes come before those of this one: it
	// was judged and verified with the go.mod and go.sum that they leave. What those come after
	// themselves is not repeated.
	After    []string         `json:"after,omitempty"`
	Findings []Finding        `json:"findings,omitempty"`
	Ignored  []Finding        `json:"ignored,omitempty"` // as comments in the source ask for
	Lost     []report.Try     `json:"lost,omitempty"`    // tries of a lock that are not followed
	Skipped  []report.Skip    `json:"skipped,omitempty"`
	Problems []report.Problem `json:"problems,omitempty"`
	Units    []Unit           `json:"units,omitempty"` // the prelude first
	// Columns has, by "path:line:col", the columns that are not the same in characters as in
	// bytes.
	Columns map[string]int `json:"columns,omitempty"`
	Seconds float64        `json:"-"` // in TimesFile, so that equal runs have equal indexes
}

// A Failure says why nothing can be said about a module.
type Failure struct {
	Kind    FailureKind `json:"kind"`
	Message string      `json:"message"`
}

// A FailureKind is how a module failed.
type FailureKind string

// How a module fails.
const (
	FailedError   FailureKind = "error"   // the pipeline said why
	FailedPanic   FailureKind = "panic"   // a bug of etcdmod; the message has the stack
	FailedTimeout FailureKind = "timeout" // it took longer than it may
)

// A Finding is a finding of a module, with the owners of its file.
type Finding struct {
	report.Finding
	Owners []string `json:"owners,omitempty"`
	// Unit is the ID of the unit that changes something about it; "" if none does.
	Unit string `json:"unit,omitempty"`
}

// A Unit is one reviewable change: a patch and its description.
type Unit struct {
	// ID is unique in the repository, and the same in every run over the same modules.
	ID string `json:"id"`
	// Prelude says that this is what the other units of the module share. It goes first.
	Prelude bool `json:"prelude,omitempty"`
	// Refresh says that this is a prelude before all others: a vendor directory as the go.mod
	// asks for it before anything else changes.
	Refresh bool `json:"refresh,omitempty"`
	// Keys are what the unit stands for: directories, services or sets of owners. There
	// are several where the flow of types ties together what they would change.
	Keys   []string `json:"keys,omitempty"`
	Owners []string `json:"owners,omitempty"`
	// After are the IDs of the units whose patches have to be applied before: the prelude of the
	// module, or else the first units of the modules in After of the module.
	After       []string `json:"after,omitempty"`
	Title       string   `json:"title"`
	Patch       string   `json:"patch,omitempty"`
	Description string   `json:"description,omitempty"`
	Files       []File   `json:"files"`
	// Tiers counts the findings that the unit changes something about.
	Tiers map[string]int `json:"tiers,omitempty"`
	// Branch is the branch that was made of the unit, and Commit what it points to.
	Branch    string `json:"branch,omitempty"`
	Commit    string `json:"commit,omitempty"`
	Published bool   `json:"published,omitempty"` // in this run or an earlier one
	// Unshipped says why the unit has no branch, or is not published, where it should.
	Unshipped string `json:"unshipped,omitempty"`
}

// A File is one that a unit changes.
type File struct {
	Path    string `json:"path"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
	// Findings are the IDs of those of the module that the change is for.
	// Shared says that it is for all that are rewritten: the helper's own file.
	Findings []string `json:"findings,omitempty"`
	Shared   bool     `json:"shared,omitempty"`
}

// By says what becomes a unit of change of its own.
type By string

// What becomes a unit. A unit never spans modules.
const (
	ByModule  By = "module"
	ByOwner   By = "owner"        // the files of the same owners
	ByDir     By = "dir"          // a directory
	ByService By = "service-glob" // a directory that a pattern names
)

// A Source says what results come from: two runs with the same one, over the same working
// tree, say the same.
type Source struct {
	// Commit is what git has checked out; "" outside of a repository.
	Commit string `json:"commit,omitempty"`
	Date   string `json:"date,omitempty"` // when that was committed
	// Modules counts those of the tree, of which a shard has a part.
	Modules int `json:"modules"`
	// Tree is a checksum of what all shards have in common: which modules there are, what
	// they require, and who owns what. It tells nothing of Go files; see Commit.
	Tree string `json:"tree"`
	// Settings are those that make a difference to the results, by the names of their flags
	// and variables, without those that have no value.
	Settings Settings `json:"settings"`
}

// Settings are what a rollout is told, by name.
type Settings = state.Settings

// A voucher, in TimesFile, says which key vouches for the results, and with what sum. Whoever can
// only write into the directory cannot make one.
type voucher struct {
	Key string `json:"key"`
	Sum string `json:"sum"`
}

// writeJSON writes a value as the files in the output directory have it.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(quote.JSON(w))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	return enc.Encode(v)
}
