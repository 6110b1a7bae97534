package tcpproxy_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"etcdmod/e2e/internal/tcpproxy"

	"go.uber.org/goleak"
)

const quiet = 200 * time.Millisecond // long enough for what would arrive to arrive

// echo starts a server that sends back what it gets, and a proxy for it.
func echo(t *testing.T) *tcpproxy.Proxy {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return tcpproxy.Start(t, l.Addr().String(), nil)
}

func dial(t *testing.T, p *tcpproxy.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, c net.Conn, want string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func wantsSilence(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(quiet))
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %d bytes, %v; want silence", n, err)
	}
}

func wantsBroken(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %d bytes, %v; want a broken connection", n, err)
	}
}

func TestForwardsEveryByteInOrder(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	want := bytes.Repeat([]byte("0123456789"), 1<<18)
	go c.Write(want)
	wants(t, c, string(want))
	c.Close()
	for end := time.Now().Add(time.Minute); len(p.Open()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the closed connection is still open")
		}
	}
}

func TestCutBreaksConnectionsAndRefusesNewOnes(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	send(t, c, "a")
	wants(t, c, "a")
	p.Cut()
	wantsBroken(t, c)
	wantsBroken(t, dial(t, p))
	p.Heal()
	c = dial(t, p)
	send(t, c, "b")
	wants(t, c, "b")
}

func TestFreezeHoldsBackUntilHealed(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	send(t, c, "a")
	wants(t, c, "a")
	p.Freeze()
	send(t, c, "b")
	wantsSilence(t, c)
	fresh := dial(t, p)
	send(t, fresh, "c")
	wantsSilence(t, fresh)
	p.Heal()
	wants(t, c, "b")
	wants(t, fresh, "c")
}

func TestFreezeOfOneConnection(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	send(t, c, "a")
	wants(t, c, "a")
	dead := p.Open()[0]
	dead.Freeze()
	send(t, c, "b")
	wantsSilence(t, c)
	fresh := dial(t, p)
	send(t, fresh, "c")
	wants(t, fresh, "c")
	dead.Cut() // what was held back is lost
	wantsBroken(t, c)
	send(t, fresh, "d")
	wants(t, fresh, "d")
}

func TestDelayIsInEachDirectionAndKeepsTheOrder(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	send(t, c, "a")
	wants(t, c, "a")
	const least = 50 * time.Millisecond
	p.Delay(least, 3*least)
	start := time.Now()
	for _, s := range []string{"1", "2", "3", "4", "5"} {
		send(t, c, s)
		time.Sleep(time.Millisecond)
	}
	wants(t, c, "12345")
	if took := time.Since(start); took < 2*least {
		t.Errorf("there and back in %v, the delay is %v each way", took, least)
	}
	p.Heal()
	send(t, c, "b")
	wants(t, c, "b")
}
