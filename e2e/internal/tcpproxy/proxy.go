// Package tcpproxy is a bad network between clients and one server, for tests: it can
// be cut, slow, or silent, for all connections or for one.
//
// It does what a network can do to TCP: it never loses, changes or reorders bytes
// within a connection that lives on. What a silent network holds back arrives when it
// heals, as retransmissions would, or never, when the connection is cut instead.
package tcpproxy

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// A Dialer connects to the server.
type Dialer func(ctx context.Context, address string) (net.Conn, error)

// A Proxy forwards connections to one server.
type Proxy struct {
	target   string
	dial     Dialer
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	conns    map[*Conn]bool
	stopped  bool
	cut      bool
	frozen   bool
	min, max time.Duration // of the delay of what arrives now
}

// Start starts a proxy for the server at target. It ends with the test. A nil dial is
// that of package net.
func Start(tb testing.TB, target string, dial Dialer) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	if dial == nil {
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	p := &Proxy{target: target, dial: dial, listener: l, conns: map[*Conn]bool{}}
	p.running.Add(1)
	go p.accept()
	tb.Cleanup(p.stop)
	return p
}

// Address is what clients connect to.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Cut breaks all connections, and new ones at once, until Heal.
func (p *Proxy) Cut() {
	p.set(func() { p.cut = true })
	p.EachOpen((*Conn).Cut)
}

// Freeze makes all connections half-open until Heal, and new ones too: they stay
// established, and nothing gets through in either direction, not even their end.
func (p *Proxy) Freeze() {
	p.set(func() { p.frozen = true })
	p.EachOpen((*Conn).Freeze)
}

// Delay makes whatever arrives from now on take between min and max in each direction.
// What was sent first still arrives first.
func (p *Proxy) Delay(min, max time.Duration) {
	p.set(func() { p.min, p.max = min, max })
}

// Heal ends what Cut, Freeze and Delay did. What was held back arrives.
func (p *Proxy) Heal() {
	p.set(func() { p.cut, p.frozen, p.min, p.max = false, false, 0, 0 })
	p.EachOpen((*Conn).Thaw)
}

// Open returns the connections that are open now.
func (p *Proxy) Open() []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*Conn
	for c := range p.conns {
		out = append(out, c)
	}
	return out
}

// EachOpen calls f for the connections that are open now.
func (p *Proxy) EachOpen(f func(*Conn)) {
	for _, c := range p.Open() {
		f(c)
	}
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *Proxy) latency() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.max <= p.min {
		return p.min
	}
	return p.min + rand.N(p.max-p.min)
}

func (p *Proxy) stop() {
	p.set(func() { p.stopped = true })
	p.listener.Close()
	p.EachOpen((*Conn).Cut)
	p.running.Wait()
}

func (p *Proxy) accept() {
	defer p.running.Done()
	for {
		raw, err := p.listener.Accept()
		if err != nil {
			return
		}
		c := &Conn{p: p, client: raw, closed: make(chan struct{}), thaw: make(chan struct{})}
		p.mu.Lock()
		refused := p.cut || p.stopped
		if !refused {
			p.conns[c] = true
			p.running.Add(1)
		}
		if !p.frozen {
			close(c.thaw)
		}
		p.mu.Unlock()
		if refused {
			raw.Close()
			continue
		}
		go c.serve()
	}
}
