package shapes_test

import (
	"io"
	"maps"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
)

// A driver is a process that runs candidates: testdata/module, before or after it has
// been rewritten.
type driver struct {
	t     *testing.T
	rpc   *rpc.Client
	log   *logged
	asked int // for states
}

// A run asks for candidates of one shape, which are named after it with their number.
type run struct {
	Shape, Key string
	Every      time.Duration
	Candidates int
	Wild       bool
}

// A state is what a candidate has done; State in testdata/module explains it, and Lines is what it
// has logged.
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
	lines := &logged{lines: map[string]map[string]int{}, states: make(chan int, 1)}
	cmd.Stderr = lines
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
			t.Logf("the driver ended with %v\n%s", err, lines.other)
		}
	})
	return &driver{t: t, rpc: client, log: lines}
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
	d.asked++
	d.call("States", d.asked, &all)
	for end := time.After(limit); ; {
		select {
		case n := <-d.log.states:
			if n == d.asked {
				return d.log.of(all)
			}
		case <-end:
			d.t.Fatalf("the driver did not log the question %d within %v", d.asked, limit)
		}
	}
}

// A logged takes what a driver logs: a name, a colon and a line.
type logged struct {
	mu     sync.Mutex
	lines  map[string]map[string]int // by candidate
	part   string                    // of a line that goes on
	other  []string
	states chan int // the last question that is answered
}

func (l *logged) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part += string(text)
	for {
		line, rest, whole := strings.Cut(l.part, "\n")
		if !whole {
			return len(text), nil
		}
		l.part = rest
		name, line, _ := strings.Cut(line, ": ")
		n, err := strconv.Atoi(line)
		switch {
		case name == "states" && err == nil:
			select {
			case <-l.states:
			default:
			}
			l.states <- n
		case strings.Contains(name, "/"):
			if l.lines[name] == nil {
				l.lines[name] = map[string]int{}
			}
			l.lines[name][line]++
		default:
			l.other = append(l.other, name+": "+line)
		}
	}
}

// of returns the states with what their candidates have logged.
func (l *logged) of(all map[string]state) map[string]state {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, s := range all {
		s.Lines = map[string]int{}
		maps.Copy(s.Lines, l.lines[name])
		all[name] = s
	}
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
