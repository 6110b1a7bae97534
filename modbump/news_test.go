package modbump

import "testing"

// TestNews: the changelogs of all lines between two versions are named, and a comparison where the
// repository knows the first one.
func TestNews(t *testing.T) {
	const logs, compare = "https://github.com/etcd-io/etcd/blob/main/CHANGELOG/CHANGELOG-", "; the sources: https://github.com/etcd-io/etcd/compare/"
	for _, test := range []struct{ from, to, want string }{
		{"v3.2.9+incompatible", "v3.2.26+incompatible", logs + "3.2.md" + compare + "v3.2.9...v3.2.26"},
		{"v3.1.11+incompatible", "v3.3.13+incompatible", logs + "3.1.md, " + logs + "3.2.md, " + logs + "3.3.md" + compare + "v3.1.11...v3.3.13"},
		{"v3.5.9", "v3.5.15", logs + "3.5.md" + compare + "v3.5.9...v3.5.15"},
		// A commit with a tag, and one without.
		{"v0.0.0-20180102212956-95a726a27e09", "v3.2.26+incompatible", logs + "3.2.md" + compare + "v3.2.13...v3.2.26"},
		{"v0.0.0-20170626015032-703663d1f6ed", "v3.2.26+incompatible", logs + "3.2.md" + compare + "703663d1f6ed...v3.2.26"},
		{"v0.5.0-alpha.5.0.20200716221620-18dfb9cca345", target34, logs + "3.4.md" + compare + "v3.4.10...v3.4.14"},
		{"v0.0.0-00010101000000-000000000000", "v3.2.26+incompatible", logs + "3.2.md"},
		{"v3.5.9", "v3.99.0", "https://github.com/etcd-io/etcd/tree/main/CHANGELOG"},
	} {
		if got := News(test.from, test.to); got != "what else is new: "+test.want {
			t.Errorf("%s to %s: %s", test.from, test.to, got)
		}
	}
}
