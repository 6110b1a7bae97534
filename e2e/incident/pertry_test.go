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

// Jobs that take about as long as their interval: in each round one replica wins, and the tries of the others mostly
// see the lock change hands. The rewritten program wins as often, holds no lock twice, and costs no more.
func TestTriesBesideJobsThatTakeTheirInterval(t *testing.T) {
	const turns = 40 // of all keys and replicas
	type seen struct {
		wins, held int
		entries    uint64
		took       time.Duration
	}
	for _, hold := range []time.Duration{900 * time.Millisecond, 1100 * time.Millisecond} {
		t.Run(hold.String(), func(t *testing.T) {
			measure := func(bin string) (s seen) {
				c := cluster.Start(t, 1)
				lines := make(chan string, 1000)
				var all []*candidate
				for range replicas {
					p := start(t, bin, c, "-hold", hold.String())
					all = append(all, p)
					go func() {
						for line := range p.lines {
							lines <- line
						}
					}()
				}
				won := map[string]time.Time{}
				timeout := time.After(long)
				began, index := time.Time{}, uint64(0)
				for s.wins < turns {
					select {
					case line := <-lines:
						if began.IsZero() {
							began, index = time.Now(), c.AppliedIndex()
							continue
						}
						id, win := strings.CutPrefix(line, "won ")
						switch {
						case win:
							if since := time.Since(won[id]); since < hold/2 {
								t.Errorf("key %s is won %v after it was won", id, since)
							}
							won[id] = time.Now()
							s.wins++
						case line == "held":
							s.held++
						default:
							t.Fatalf("got %q", line)
						}
					case <-timeout:
						t.Fatalf("%+v within %v", s, long)
					}
				}
				s.entries, s.took = c.AppliedIndex()-index, time.Since(began)
				for _, p := range all {
					p.cmd.Process.Kill()
				}
				return s
			}
			before, after := measure(bins.perTry), measure(bins.perTryAfter)
			t.Logf("before: %+v; after: %+v", before, after)
			if after.took > before.took*5/4 {
				t.Errorf("%d wins take %v, before %v", turns, after.took, before.took)
			}
			// A busy machine adds rounds to both.
			if after.entries > before.entries*6/5 {
				t.Errorf("%d entries, before %d", after.entries, before.entries)
			}
		})
	}
}
