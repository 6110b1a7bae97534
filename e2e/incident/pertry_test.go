package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"

	"go.etcd.io/etcd/client/v3/concurrency"
)

const (
	replicas = 3
	keys     = 10
)

// rounds reads the output of all replicas until each has told of so many tries that met a
// holder. It returns how many that are.
func rounds(t *testing.T, all []*candidate, each int) (tries int) {
	t.Helper()
	timeout := time.After(long)
	for _, p := range all {
		for n := 0; n < each; {
			select {
			case line := <-p.lines:
				if line != "held" {
					t.Fatalf("got %q while the locks are held", line)
				}
				n++
				tries++
			case err := <-p.done:
				t.Fatalf("ended: %v\n%s", err, p.stderr())
			case <-timeout:
				t.Fatalf("%d tries within %v\n%s", tries, long, p.stderr())
			}
		}
	}
	return tries
}

// Ten keys, three replicas, a session and a Lock of one second for each try, at every second.
func TestTriesWithASessionEachWriteNothingWhileTheLocksAreHeld(t *testing.T) {
	const each = 5 * keys
	for _, bin := range []struct {
		name, path string
		writes     bool
	}{{"before", bins.perTry, true}, {"after", bins.perTryAfter, false}} {
		t.Run(bin.name, func(t *testing.T) {
			c := cluster.Start(t, 1)
			cli := c.Client()
			holding := c.Session(cli)
			for i := range keys {
				if err := concurrency.NewMutex(holding, fmt.Sprint("/pertry/", i)).Lock(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			index := c.AppliedIndex()
			var all []*candidate
			for range replicas {
				all = append(all, start(t, bin.path, c))
			}
			from := time.Now()
			tries := rounds(t, all, each)
			entries := c.AppliedIndex() - index
			t.Logf("%d entries in %d tries that met a holder, within %v", entries, tries, time.Since(from))
			if !bin.writes && entries > 0 || bin.writes && entries < 3*uint64(tries) {
				t.Errorf("%d entries in %d tries", entries, tries)
			}
			if err := holding.Close(); err != nil {
				t.Fatal(err)
			}
			won := map[string]bool{}
			timeout := time.After(long)
			for len(won) < keys {
				select {
				case line := <-all[0].lines:
					if id, ok := strings.CutPrefix(line, "won "); ok {
						won[id] = true
					} else if line != "held" {
						t.Fatalf("got %q", line)
					}
				case <-all[1].lines:
				case <-all[2].lines:
				case <-timeout:
					t.Fatalf("one replica has won %v within %v", won, long)
				}
			}
			for _, p := range all {
				p.cmd.Process.Kill()
			}
			// What is held ends with its lease, and no other lease was left.
			eventually(t, "no lease is left", func() bool {
				resp, err := cli.Leases(t.Context())
				return err == nil && len(resp.Leases) == 0
			})
		})
	}
}
