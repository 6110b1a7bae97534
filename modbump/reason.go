package modbump

import "etcdmod/internal/finding"

// A Reason is a code for why a requirement is not bumped.
type Reason = finding.Code

// The reasons that Plan gives, under names that importers of this package can use.
const (
	Replaced           = finding.Replaced
	Fork               = finding.Fork
	Placeholder        = finding.Placeholder
	ExcludedTarget     = finding.ExcludedTarget
	ReplacedTarget     = finding.ReplacedTarget
	NoSafeVersion      = finding.NoSafeVersion
	NeedsCodeChanges   = finding.NeedsCodeChanges
	NeedsNewerGo       = finding.NeedsNewerGo
	NotByDefault       = finding.NotByDefault
	NotLinked          = finding.NotLinked
	NotSelected        = finding.NotSelected
	SplitModule        = finding.SplitModule
	PseudoUnclassified = finding.PseudoUnclassified
	UnsafeTarget       = finding.UnsafeTarget
	VersionUnavailable = finding.VersionUnavailable
)
