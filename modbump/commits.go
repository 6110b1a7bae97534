package modbump

import (
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/module"
)

// etcdTagsCSV lists the tags of etcd from v3.0.0-beta.0 on: tag, the first 12
// digits of its commit, its time, and flags computed from the source at the tag.
//
//go:embed data/etcd-tags.csv
var etcdTagsCSV string

// affectedAfterTxt lists, as "time-commit", the commits of etcd's repository
// that are not older than the fix of issue #8338 (commit 1c75c383a) and do not have it.
//
//go:embed data/etcd-affected-commits-after-20170801.txt
var affectedAfterTxt string

// etcdCommits has a record of 10 bytes for each commit in etcd's repository, on any branch, up
// to the fix of issue #10111 on main: the first 6 bytes of the hash, in whose order the
// records are, then the commit time in seconds since 1970. data/commits.go made it.
//
//go:embed data/etcd-commits.bin
var etcdCommits string

const commitRecord = 6 + 4

// commitTime returns the time of one of the commits in etcdCommits, as "20060102150405" in
// UTC, from the first 12 digits of its hash. It is "" for others: they are younger than every
// defect that a commit of github.com/coreos/etcd is judged by, or no commits of etcd.
func commitTime(commit string) string {
	hash, err := hex.DecodeString(commit)
	if err != nil || len(hash) != 6 {
		return ""
	}
	at := func(i int) string { return etcdCommits[i*commitRecord:] }
	count := len(etcdCommits) / commitRecord
	i := sort.Search(count, func(i int) bool { return at(i)[:6] >= string(hash) })
	if i == count || at(i)[:6] != string(hash) {
		return ""
	}
	seconds := binary.BigEndian.Uint32([]byte(at(i)[6:commitRecord]))
	return time.Unix(int64(seconds), 0).UTC().Format(module.PseudoVersionTimestampFormat)
}

// etcdTags maps the first 12 digits of a commit to its tag.
var etcdTags = sync.OnceValue(func() map[string]string {
	tags := make(map[string]string)
	for line := range strings.Lines(etcdTagsCSV) {
		if fields := strings.Split(line, ","); len(fields) > 2 && strings.HasPrefix(fields[0], "v") {
			tags[fields[1]] = fields[0]
		}
	}
	return tags
})

// releases is the set of tags.
var releases = sync.OnceValue(func() map[string]bool {
	known := make(map[string]bool)
	for _, tag := range etcdTags() {
		known[tag] = true
	}
	return known
})

// strayCommits is the set of commits after the fix of issue #8338 that lack it.
var strayCommits = sync.OnceValue(func() map[string]bool {
	commits := make(map[string]bool)
	for line := range strings.Lines(affectedAfterTxt) {
		if _, commit, ok := strings.Cut(strings.TrimSpace(line), "-"); ok {
			commits[commit] = true
		}
	}
	return commits
})
