package modbump

// A Reason is a code for why a requirement is not bumped.
type Reason string

// The reasons that Plan gives.
const (
	Replaced           Reason = "replaced"
	Fork               Reason = "fork"
	Placeholder        Reason = "placeholder"
	ExcludedTarget     Reason = "excluded-target"
	ReplacedTarget     Reason = "replaced-target"
	NoSafeVersion      Reason = "no-safe-version"
	NeedsCodeChanges   Reason = "needs-code-changes"
	NotByDefault       Reason = "not-by-default"
	SplitModule        Reason = "split-module"
	PseudoUnclassified Reason = "pseudo-unclassified"
	UnsafeTarget       Reason = "unsafe-target"
)

// The reasons of callers that follow a bump up with the go command.
const (
	NotLinked          Reason = "not-linked"
	NotSelected        Reason = "not-selected"
	Vendored           Reason = "vendored"
	VersionUnavailable Reason = "version-unavailable"
	ChecksumMismatch   Reason = "checksum-mismatch"
	NeedsRequirements  Reason = "needs-more-requirements"
	Pinned             Reason = "pinned"
)

// reasons says what each code means and what a person should do.
var reasons = []struct {
	code Reason
	text string
}{
	{Replaced, "a replace directive decides which code is built, so that a new version in the require line would change nothing or drop the replacement; change the replace directive"},
	{Fork, "a replace directive builds a directory or a module that the policy does not know; compare that code with etcd's fixes by hand"},
	{Placeholder, "the version is a placeholder that only a replace directive gives a meaning; there is none in this go.mod"},
	{ExcludedTarget, "an exclude directive forbids every version that the bump could go to; remove it, or choose a version by hand"},
	{ReplacedTarget, "a replace directive catches every version that the bump could go to; remove it, or choose a version by hand"},
	{NoSafeVersion, "the policy knows no safe version of this module path that would take the place of the required one"},
	{NeedsCodeChanges, "the fixed versions have another API, so that a new version alone would not compile"},
	{NotByDefault, "the version has known defects, but outside the range that is bumped without being asked"},
	{SplitModule, "the module's own sources import github.com/coreos/etcd, so that no version of it gives a usable lock; move to go.etcd.io/etcd/client/v3"},
	{PseudoUnclassified, "the commit has no tag, and its time alone does not tell whether it has the fix; compare it by hand or require a release"},
	{UnsafeTarget, "the version that was asked for is not safe either; choose another one, or none"},
	{NotLinked, "no package of the module is part of what is built, so that its defects do not matter here"},
	{NotSelected, "the go command would not select the new version, since the requirement is not in the build list or another one asks for more"},
	{Vendored, "the module is vendored, and the vendor directory could not be made again for the new version; its message says why"},
	{VersionUnavailable, "the new version, or a module that it needs, cannot be downloaded; check GOPROXY, GOPRIVATE and the network"},
	{ChecksumMismatch, "a module does not have the checksum that go.sum or the checksum database says; find out why before anything else"},
	{Pinned, "another dependency tool than the go command pins the version; the message says what to write for that tool, or move to Go modules with \"go mod init\""},
	{NeedsRequirements, "the new version imports packages that no requirement of the go.mod provides; add them with \"go get\", together with the new version"},
}

// Explain says what a reason code means and what a person should do about it.
// It is false for a code that is not one of this package's.
func (r Reason) Explain() (text string, ok bool) {
	for _, known := range reasons {
		if known.code == r {
			return known.text, true
		}
	}
	return "", false
}

// Reasons lists every code.
func Reasons() []Reason {
	codes := make([]Reason, len(reasons))
	for i, known := range reasons {
		codes[i] = known.code
	}
	return codes
}
