package modbump

import "etcdmod/internal/finding"

// A Reason is a code for why a requirement is not bumped.
type Reason = finding.Code

// The reasons that Plan gives.
const (
	Replaced           = finding.Replaced
	Fork               = finding.Fork
	Placeholder        = finding.Placeholder
	ExcludedTarget     = finding.ExcludedTarget
	ReplacedTarget     = finding.ReplacedTarget
	NoSafeVersion      = finding.NoSafeVersion
	NeedsCodeChanges   = finding.NeedsCodeChanges
	NotByDefault       = finding.NotByDefault
	SplitModule        = finding.SplitModule
	PseudoUnclassified = finding.PseudoUnclassified
	UnsafeTarget       = finding.UnsafeTarget
)

// The reasons of callers that follow a bump up with the go command.
const (
	NotLinked          = finding.NotLinked
	NotSelected        = finding.NotSelected
	Vendored           = finding.Vendored
	VersionUnavailable = finding.VersionUnavailable
	NeedsNewerGo       = finding.NeedsNewerGo
	ChecksumMismatch   = finding.ChecksumMismatch
	NeedsRequirements  = finding.NeedsRequirements
	Pinned             = finding.Pinned
)
