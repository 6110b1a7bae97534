package shapes_test

import (
	"bytes"
	"io"
	"maps"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
)

// A driver is a process that runs candidates: testdata/module, before or after it has
// been rewritten.
type driver struct {
	t   *testing.T
	rpc *rpc.Client
}

// A run asks for candidates of one shape, which are named after it with their number.
type run struct {
	Shape, Key string
	Every      time.Duration
	Candidates int
	Wild       bool
}

// A state is what a candidate has done; State in testdata/module explains it.
type state struct {
	Rounds int
	Beside int
	Writes map[string]int
	Lines  map[string]int
	Came   []time.Time
	Gone   int
	Leads  bool
	Ended  bool
	Err    string
	Lease  int64
}

func startDriver(t *testing.T, bin string, c *cluster.Cluster) *driver {
	t.Helper()
	cmd := exec.Command(bin)
	cmd.Env = append(os.Environ(), "ETCD_ENDPOINTS="+strings.Join(c.Endpoints(), ","))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := jsonrpc.NewClient(struct {
		io.Reader
		io.WriteCloser
	}{stdout, stdin})
	t.Cleanup(func() {
		client.Close() // the end of its input ends it
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("the driver ended with %v\n%s", err, stderr.Bytes())
		}
	})
	return &driver{t, client}
}

func (d *driver) call(method string, args, reply any) {
	d.t.Helper()
	if err := d.rpc.Call("Driver."+method, args, reply); err != nil {
		d.t.Fatalf("%s %v: %v", method, args, err)
	}
}

// tell is a call without an answer.
func (d *driver) tell(method string, args any) {
	d.t.Helper()
	d.call(method, args, &struct{}{})
}

func (d *driver) states() map[string]state {
	d.t.Helper()
	var all map[string]state
	d.call("States", struct{}{}, &all)
	return all
}

// await waits until something holds of all states, and returns these. It reports what is
// missing when that takes too long.
func (d *driver) await(limit time.Duration, missing func(map[string]state) []string) map[string]state {
	d.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		all := d.states()
		m := missing(all)
		if len(m) > 0 && time.Now().After(end) {
			d.t.Errorf("not within %v: %s", limit, strings.Join(m, ", "))
		} else if len(m) > 0 {
			continue
		}
		return all
	}
}

// rest waits until a loop has come round so often that reads, and waits as long as the
// candidates do.
func (d *driver) rest(n int) {
	d.t.Helper()
	beats := func() (n int) {
		d.call("Beats", struct{}{}, &n)
		return n
	}
	until := beats() + n
	for end := time.Now().Add(limit); beats() < until; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("a loop with waits of %v did not come round %d times within %v", every, n, limit)
		}
	}
}

// since returns what a candidate has done after it was in the state old.
func (s state) since(old state) state {
	s.Rounds -= old.Rounds
	s.Beside -= old.Beside
	s.Writes, s.Lines = less(s.Writes, old.Writes), less(s.Lines, old.Lines)
	return s
}

func less(now, old map[string]int) map[string]int {
	out := maps.Clone(now)
	for key, n := range old {
		if out[key] -= n; out[key] == 0 {
			delete(out, key)
		}
	}
	return out
}
