package incident_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// follows reads the output of a member until it has told of n campaigns that have failed.
func (p *candidate) follows(n int) {
	p.t.Helper()
	for range n {
		p.expect("follows", long)
	}
}

// Three members, each of which stands for a second again and again, while another process leads, and
// when it resigns. Whoever says that it leads is the one that the servers name.
func TestCampaignsThatGiveUpWriteNothingWhileAnotherLeads(t *testing.T) {
	const each = 5
	for _, bin := range []struct {
		name, path string
		writes     bool
	}{{"before", bins.elect, true}, {"after", bins.electAfter, false}} {
		t.Run(bin.name, func(t *testing.T) {
			c := cluster.Start(t, 1)
			leader := concurrency.NewElection(c.Session(c.Client()), "/elect/leader")
			if err := leader.Campaign(t.Context(), "outside"); err != nil {
				t.Fatal(err)
			}
			all := make([]*candidate, replicas)
			said := make([]io.Writer, replicas)
			for i := range all {
				all[i], said[i] = startWith(t, bin.path, c, "-name", fmt.Sprint(i))
			}
			for _, p := range all {
				p.follows(1) // its session is there
			}
			index, from := c.AppliedIndex(), time.Now()
			for _, p := range all {
				p.follows(each)
			}
			entries := c.AppliedIndex() - index
			const tries = replicas * each
			t.Logf("%d entries in %d campaigns that failed, within %v", entries, tries, time.Since(from))
			// Two each, but some may have been told of before the first look at the index.
			if !bin.writes && entries > 0 || bin.writes && entries < tries {
				t.Errorf("%d entries in %d campaigns that failed", entries, tries)
			}
			if err := leader.Resign(t.Context()); err != nil {
				t.Fatal(err)
			}
			led := map[int]bool{}
			for range 2 * replicas {
				i, rev := leads(t, all)
				now, err := leader.Leader(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if kv := now.Kvs[0]; string(kv.Value) != fmt.Sprint(i) || fmt.Sprint(kv.CreateRevision) != rev {
					t.Fatalf("%d leads with %s, and the servers say %s with %d", i, rev, kv.Value, kv.CreateRevision)
				}
				led[i] = true
				if _, err := io.WriteString(said[i], "resign\n"); err != nil {
					t.Fatal(err)
				}
				all[i].expect("resigned", long)
			}
			t.Logf("%d of %d have led", len(led), replicas)
			if len(led) < 2 {
				t.Errorf("only %v has led", led)
			}
		})
	}
}

// leads returns the member that says that it leads, and with which revision.
func leads(t *testing.T, all []*candidate) (i int, rev string) {
	t.Helper()
	timeout := time.After(long)
	for {
		var line string
		select {
		case line = <-all[0].lines:
			i = 0
		case line = <-all[1].lines:
			i = 1
		case line = <-all[2].lines:
			i = 2
		case <-timeout:
			t.Fatal("nobody leads")
		}
		if rev, ok := strings.CutPrefix(line, "leads "); ok {
			return i, rev
		} else if line != "follows" {
			t.Fatalf("member %d says %q", i, line)
		}
	}
}
