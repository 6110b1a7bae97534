package families_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"etcdmod/e2e/internal/cluster"
)

const limit = 2 * time.Minute // for anything that must happen

// A question is what a program wants to ask etcd, and waits for: a try begins with one.
type question struct {
	program string
	lock    string // that it is about
}

// A driver is a process that runs programs: testdata/given.
type driver struct {
	t         *testing.T
	c         *cluster.Cluster
	cli       *clientv3.Client
	session   *concurrency.Session // somebody else's
	held      map[string]*concurrency.Mutex
	in        io.Writer
	questions chan question
}

func start(t *testing.T, bin string, c *cluster.Cluster) *driver {
	t.Helper()
	d := &driver{t: t, c: c, cli: c.Client(), held: map[string]*concurrency.Mutex{}, questions: make(chan question, 1000)}
	d.session = c.Session(d.cli)
	cmd := exec.Command(bin)
	cmd.Env = append(os.Environ(), "ETCD_ENDPOINTS="+strings.Join(c.Endpoints(), ","))
	var logged bytes.Buffer
	cmd.Stderr = &logged
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.in = in
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			f := strings.Fields(lines.Text())
			select {
			case d.questions <- question{f[0], f[1][:strings.LastIndex(f[1], "/")]}:
			default: // of a program that nobody looks at any more
			}
		}
	}()
	t.Cleanup(func() {
		in.Close() // the end of its input ends it
		<-read
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("%s ended with %v\n%s", bin, err, logged.Bytes())
		}
	})
	return d
}

func (d *driver) tell(verb, name string) {
	d.t.Helper()
	if _, err := fmt.Fprintln(d.in, verb, name); err != nil {
		d.t.Fatal(err)
	}
}

// next waits until a program wants to ask something. Whatever it did before has been answered.
func (d *driver) next(name string) question {
	d.t.Helper()
	for end := time.After(limit); ; {
		select {
		case q := <-d.questions:
			if q.program == name {
				return q
			}
		case <-end:
			d.t.Fatalf("%s asks nothing within %v", name, limit)
		}
	}
}

// pass lets a program ask what it wants to, and returns its next question.
func (d *driver) pass(name string) question {
	d.t.Helper()
	d.tell("pass", name)
	return d.next(name)
}

// count returns how many entries there are for each of some tries, or fails if that is no whole
// number. Between two questions of a program there is nobody else who writes.
func (d *driver) count(name string) uint64 {
	d.t.Helper()
	index := d.c.AppliedIndex()
	for range tries {
		d.pass(name)
	}
	entries := d.c.AppliedIndex() - index
	if entries%tries != 0 {
		d.t.Errorf("%s: %d entries in %d tries", name, entries, tries)
	}
	return entries / tries
}

// failing starts a program, takes each lock that it wants before it does, and counts the
// entries of its tries then.
func (d *driver) failing(name string) uint64 {
	d.t.Helper()
	d.tell("start", name)
	for q := d.next(name); d.held[q.lock] == nil; q = d.pass(name) {
		mu := concurrency.NewMutex(d.session, q.lock)
		if err := mu.TryLock(d.t.Context()); err != nil {
			d.t.Fatalf("%s: %v", q.lock, err)
		}
		d.held[q.lock] = mu
	}
	return d.count(name)
}

// holding gives a program the locks that it wants, and counts the entries of its tries then.
func (d *driver) holding(name string) uint64 {
	d.t.Helper()
	for lock, mu := range d.held {
		if err := mu.Unlock(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
		for end := time.Now().Add(limit); len(d.c.Keys(d.cli, lock+"/")) == 0; d.pass(name) {
			if time.Now().After(end) {
				d.t.Fatalf("%s does not take %s within %v", name, lock, limit)
			}
		}
	}
	return d.count(name)
}

// leave frees all locks. The program has to wait for its next question for ever.
func (d *driver) leave() {
	d.t.Helper()
	for lock := range d.held {
		if _, err := d.cli.Delete(d.t.Context(), lock+"/", clientv3.WithPrefix()); err != nil {
			d.t.Fatal(err)
		}
	}
	clear(d.held)
}
