package modbump

import (
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// Judge returns the row of the policy table that covers a version of a module.
// It is false where no row does: the module is not one of etcd's, or the policy
// leaves the version alone, which is no claim that nothing is wrong with it.
//
// Judge looks at the version alone, as if it was what is built; it knows of no
// replace and no exclude.
func Judge(path, version string) (Row, bool) {
	id := identify(version)
	for _, row := range policy {
		if row.Path == path && row.covers(id) {
			return row, true
		}
	}
	if path == pathCoreOS && id.time >= fixed8338 && id.commit == "" {
		return Row{
			Path: path, Action: Report, Reason: PseudoUnclassified, Targets: coreosTargets,
			Advice: "etcd's commits have 12 hex digits",
		}, true
	}
	return Row{}, false
}

// covers reports whether the row covers an identified version.
func (r Row) covers(id identity) bool {
	switch {
	case id.release != "":
		return r.Releases.hasRelease(id.release)
	case id.time == "":
		return false
	case strayCommits()[id.commit]:
		return r.Stray
	default:
		return r.Commits.hasCommit(id.time) && (id.noGoMod || !r.NoGoMod)
	}
}

// judgeReplacement judges what a replace of the module old builds. It is known
// only where the replacement is a version of one of etcd's modules.
func judgeReplacement(old string, by module.Version) (row Row, known, bad bool) {
	if by.Version == "" || isPlaceholder(by.Version) || !KnownPath(by.Path) {
		return Row{}, false, false
	}
	as := by.Path
	// The same commits under another path are built under the import paths of
	// the module that they replace: judge them as versions of that one.
	if wholeRepository(old) && wholeRepository(by.Path) {
		as = old
	}
	row, bad = Judge(as, by.Version)
	return row, true, bad
}

// wholeRepository reports whether path is one of those under which etcd's
// repository was required before it was split into modules.
func wholeRepository(path string) bool {
	return path == pathCoreOS || path == pathGitHub || path == pathRoot
}

// A Pin is etcd's repository as a tool from before Go modules pinned it.
type Pin struct {
	Tag    string    // "v3.2.9", if the pin names one
	Commit string    // in hex, if it names one
	Time   time.Time // of the commit, if it names one
}

// JudgePin is [Judge] for a pin of github.com/coreos/etcd, and says what the pin is: a tag,
// or a commit. It is false with an empty row where nothing is wrong, and false with the
// reason [PseudoUnclassified] where the pin does not tell.
func JudgePin(pin Pin) (is string, row Row, bad bool) {
	if len(pin.Commit) >= 12 {
		if tag, ok := etcdTags()[strings.ToLower(pin.Commit[:12])]; ok {
			pin.Tag = tag
		}
	}
	if tag := semver.Canonical(pin.Tag); tag != "" && semver.Prerelease(pin.Tag) == "" || pin.Commit == "" && tag != "" {
		row, bad = Judge(pathCoreOS, tag)
		return pin.Tag, row, bad
	}
	if len(pin.Commit) < 12 {
		return pin.Tag, Row{Reason: PseudoUnclassified}, false
	}
	commit := strings.ToLower(pin.Commit[:12])
	is = "commit " + commit
	when := pin.Time
	switch known := commitTime(commit); {
	case known != "":
		when, _ = time.Parse(module.PseudoVersionTimestampFormat, known)
	case when.IsZero():
		if !strayCommits()[commit] {
			return is, Row{Reason: PseudoUnclassified}, false
		}
		when = time.Unix(0, 0) // the list decides, whatever the time
	}
	row, bad = Judge(pathCoreOS, module.PseudoVersion("v0", "", when, commit))
	return is, row, bad
}
