package modbump

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// TestCommits: the table is in order, and gives tagged commits the time that the list of
// tags has.
func TestCommits(t *testing.T) {
	if len(etcdCommits)%commitRecord != 0 || len(etcdCommits)/commitRecord < 15000 {
		t.Fatalf("%d bytes", len(etcdCommits))
	}
	last := ""
	for i := 0; i < len(etcdCommits); i += commitRecord {
		hash := etcdCommits[i : i+6]
		if hash <= last {
			t.Fatalf("record %d is out of order", i/commitRecord)
		}
		last = hash
		when := commitTime(hex.EncodeToString([]byte(hash)))
		if when < "20130501" || when > fixed10111 {
			t.Errorf("%x is of %s", hash, when)
		}
	}
	checked := 0
	for _, line := range strings.Split(strings.TrimSpace(etcdTagsCSV), "\n")[1:] {
		fields := strings.Split(line, ",")
		stamp := fields[3]
		if stamp > fixed10111 {
			continue
		}
		checked++
		if got := commitTime(fields[1]); got != stamp {
			t.Errorf("%s: %s, the list of tags says %s", fields[0], got, stamp)
		}
	}
	if checked < 80 {
		t.Errorf("only %d tags", checked)
	}
	for _, odd := range []string{"", "x", "0123", "zzzzzzzzzzzz", "ffffffffffff", "000000000000"} {
		if got := commitTime(odd); got != "" {
			t.Errorf("%q is of %s", odd, got)
		}
	}
}

// TestJudgePin: the hash of a commit decides, with and without a time, and whatever time
// the file says.
func TestJudgePin(t *testing.T) {
	const tail = "0000000000000000000000000000"
	for _, test := range []struct {
		name   string
		pin    Pin
		is     string
		broken *Defect // the first
		told   bool
	}{
		{"of 2014, before there was a client", Pin{Commit: "7cb126967c81"}, "commit 7cb126967c81", nil, true},
		{"of 2017, before the fix of the leak", Pin{Commit: "703663d1f6ed" + tail}, "commit 703663d1f6ed", watchStreamLeak, true},
		{"the same in capitals", Pin{Commit: "703663D1F6ED" + tail}, "commit 703663d1f6ed", watchStreamLeak, true},
		{"the same with a false time", Pin{Commit: "703663d1f6ed" + tail, Time: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}, "commit 703663d1f6ed", watchStreamLeak, true},
		{"of 2018, between the fixes", Pin{Commit: "688043a7c2ac8bbb0e73ca5694c7815275865e24"}, "commit 688043a7c2ac", falseLockHold, true},
		{"of no commit of etcd", Pin{Commit: "ffffffffffff" + tail}, "commit ffffffffffff", nil, false},
		{"of no commit, with a time before the fix", Pin{Commit: "ffffffffffff" + tail, Time: time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)}, "commit ffffffffffff", watchStreamLeak, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			is, row, bad := JudgePin(test.pin)
			if is != test.is || bad != (test.broken != nil) || bad && row.Broken[0] != test.broken {
				t.Errorf("%s, %v, %+v", is, bad, row)
			}
			if told := row.Reason != PseudoUnclassified; told != test.told {
				t.Errorf("told: %v, want %v", told, test.told)
			}
		})
	}
}
