package modbump

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

const repository = "https://github.com/etcd-io/etcd"

// newestChangelog is the last 3.x of which etcd's repository had a changelog when the table was checked.
const newestChangelog = 8

// News says where etcd tells what is new between two versions of a client: the changelogs of the lines
// from the one to the other, and a comparison of their sources.
func News(from, to string) string {
	before, after := identify(from), identify(to)
	last, ok := line(after.release)
	if !ok {
		return "what else is new: " + repository + "/tree/main/CHANGELOG"
	}
	first, ok := line(before.release)
	if !ok || first > last {
		first = last
	}
	var logs []string
	for minor := first; minor <= last; minor++ {
		logs = append(logs, fmt.Sprintf("%s/blob/main/CHANGELOG/CHANGELOG-3.%d.md", repository, minor))
	}
	told := "what else is new: " + strings.Join(logs, ", ")
	if name := before.name(); name != "" && name != after.release {
		told += fmt.Sprintf("; the sources: %s/compare/%s...%s", repository, name, after.release)
	}
	return told
}

// line returns the minor version of a release 3.x that etcd has a changelog of.
func line(release string) (minor int, ok bool) {
	text, ok := strings.CutPrefix(semver.MajorMinor(release), "v3.")
	minor, err := strconv.Atoi(text)
	return minor, ok && err == nil && minor <= newestChangelog
}

// name is what the repository knows a version by: its tag, or its commit.
func (id identity) name() string {
	if id.release != "" {
		return id.release
	}
	return id.commit
}
