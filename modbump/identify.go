package modbump

import (
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// An identity is a version in the terms of the policy table. One of release and
// time is set, or neither where the version names no commit of etcd.
type identity struct {
	release string // the tag, without "+incompatible"
	time    string // of an untagged commit, "20060102150405" in UTC
	commit  string // of an untagged commit, 12 hex digits; "" where the version is odd
	noGoMod bool   // of an untagged commit: it has no go.mod
}

// identify traces a version to a tag or to the time of a commit.
func identify(version string) identity {
	if !module.IsPseudoVersion(version) {
		return identity{release: semver.Canonical(version)}
	}
	if isPlaceholder(version) {
		return identity{}
	}
	commit, err := module.PseudoVersionRev(version)
	if err != nil {
		return identity{}
	}
	if tag, ok := etcdTags()[commit]; ok {
		return identity{release: tag}
	}
	when, err := module.PseudoVersionTime(version)
	if err != nil {
		return identity{}
	}
	id := identity{time: when.UTC().Format(module.PseudoVersionTimestampFormat), noGoMod: strings.HasSuffix(version, "+incompatible")}
	if len(commit) == 12 && strings.Trim(commit, "0123456789abcdef") == "" {
		id.commit = commit
		if known := commitTime(commit); known != "" {
			id.time = known // a version that is only written down can say any time
		}
	}
	return id
}

// isPlaceholder reports whether version names no commit: the go command writes
// such a pseudo-version for a module that exists only as the target of a replace.
func isPlaceholder(version string) bool {
	if !module.IsPseudoVersion(version) {
		return false
	}
	commit, err := module.PseudoVersionRev(version)
	return err == nil && strings.Trim(commit, "0") == ""
}

// hasRelease reports whether v, a release, is in the range.
func (r Range) hasRelease(v string) bool {
	return r != Range{} && semver.Compare(r.From, v) <= 0 && semver.Compare(v, r.To) < 0
}

// hasCommit reports whether an instant is in the range. Instants of 14 digits
// compare as strings.
func (r Range) hasCommit(t string) bool {
	return r != Range{} && r.From <= t && t < r.To
}
