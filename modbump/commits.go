package modbump

import (
	_ "embed"
	"strings"
	"sync"
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
