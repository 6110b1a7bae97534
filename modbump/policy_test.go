package modbump

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// TestPolicy: each row is complete, its targets are safe, and no two rows of one
// path cover the same version.
func TestPolicy(t *testing.T) {
	for i, row := range Policy() {
		name := row.Path + " " + row.Releases.From
		if !KnownPath(row.Path) || len(row.Broken) == 0 {
			t.Errorf("%s: incomplete: %+v", name, row)
		}
		if (row.Action == Bump) != (row.Reason == "") || (row.Action == Bump) != (row.Advice == "") {
			t.Errorf("%s: a reason and advice belong to what is not bumped", name)
		}
		if row.Action == Bump && len(row.Targets) == 0 {
			t.Errorf("%s: no target", name)
		}
		for _, target := range row.Targets {
			if err := module.Check(row.Path, target); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if bad, ok := Judge(row.Path, target); ok {
				t.Errorf("%s: target %s is covered by %+v", name, target, bad)
			}
		}
		for _, other := range policy[:i] {
			if other.Path != row.Path {
				continue
			}
			if overlap(row.Releases, other.Releases, semver.Compare) || overlap(row.Commits, other.Commits, strings.Compare) && !other.NoGoMod {
				t.Errorf("%s overlaps with %+v", name, other)
			}
		}
	}
}

func overlap(a, b Range, compare func(string, string) int) bool {
	none := Range{}
	return a != none && b != none && compare(a.From, b.To) < 0 && compare(b.From, a.To) < 0
}

// TestPolicyAgreesWithTags compares the table with the flags that were computed
// from etcd's source at each tag.
func TestPolicyAgreesWithTags(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(etcdTagsCSV), "\n")
	header := strings.Split(lines[0], ",")
	checked := 0
	for _, line := range lines[1:] {
		record := strings.Split(line, ",")
		tag := record[0]
		flag := func(name string) bool { return record[slices.Index(header, name)] == "Y" }
		pseudo := "v0.0.0-" + record[slices.Index(header, "pseudo_base_ts")] + "-" + record[slices.Index(header, "commit12")]
		has := func(path, version string, defect *Defect) bool {
			row, _ := Judge(path, version)
			return slices.Contains(row.Broken, defect)
		}
		line := semver.MajorMinor(tag)
		switch {
		case semver.Compare(tag, "v3.0.0") < 0:
			continue
		case semver.Compare(line, "v3.4") < 0:
			for _, version := range []string{tag + "+incompatible", pseudo} {
				if has(pathCoreOS, version, watchStreamLeak) != flag("ctxkey_leak") {
					t.Errorf("%s (%s): leak", tag, version)
				}
				if has(pathCoreOS, version, falseLockHold) != flag("lock_false_hold_10111") {
					t.Errorf("%s (%s): false hold", tag, version)
				}
			}
		case line == "v3.4":
			if has(pathRoot, pseudo, serverWatchers) != flag("srv_watch_cancel_leak_9416") {
				t.Errorf("%s (%s): server watchers", tag, pseudo)
			}
		default:
			if has(pathClientV3, tag, metadataSpin) == flag("md_key_formatted_by_map") {
				t.Errorf("%s: metadata", tag)
			}
		}
		checked++
	}
	if checked < 200 {
		t.Errorf("only %d tags", checked)
	}
}

// TestStrayCommits: each listed commit is bumped or, being of 3.0, refused.
func TestStrayCommits(t *testing.T) {
	n := 0
	for line := range strings.Lines(affectedAfterTxt) {
		version := "v0.0.0-" + strings.TrimSpace(line)
		row, bad := Judge(pathCoreOS, version)
		if !bad || !slices.Contains(row.Broken, watchStreamLeak) || row.Action == Report {
			t.Errorf("%s: %+v", version, row)
		}
		n++
	}
	if n != 219 {
		t.Errorf("%d commits", n)
	}
}

// TestJudgeOthers: modules that are not the client have no verdict.
func TestJudgeOthers(t *testing.T) {
	for _, mod := range []module.Version{
		{Path: "go.etcd.io/etcd/api/v3", Version: "v3.5.0"},
		{Path: "github.com/coreos/etcd/v3", Version: "v3.2.9"},
		{Path: "github.com/acme/etcd", Version: "v3.2.9+incompatible"},
		{Path: pathCoreOS, Version: ""},
		{Path: pathCoreOS, Version: "v0.0.0-00010101000000-000000000000"},
		{Path: pathCoreOS, Version: "v0.0.0-00000000000000-000000000000"},
		{Path: pathRootV3, Version: "v3.5.0"},
	} {
		if row, bad := Judge(mod.Path, mod.Version); bad {
			t.Errorf("%v: %+v", mod, row)
		}
	}
}
