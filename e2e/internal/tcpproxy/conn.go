package tcpproxy

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialLimit bounds how long the server may take to accept.
const dialLimit = 5 * time.Second

// A Conn is one client's connection through the proxy.
type Conn struct {
	p      *Proxy
	client net.Conn
	closed chan struct{} // by Cut
	once   sync.Once

	mu   sync.Mutex
	thaw chan struct{} // closed unless frozen
}

// Cut breaks the connection for both sides. What was held back is lost.
func (c *Conn) Cut() {
	c.once.Do(func() {
		close(c.closed)
		c.client.Close()
		c.p.set(func() { delete(c.p.conns, c) })
	})
}

// Freeze makes the connection half-open, until Thaw or Heal.
func (c *Conn) Freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flows() {
		c.thaw = make(chan struct{})
	}
}

// Thaw lets arrive what was held back.
func (c *Conn) Thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.flows() {
		close(c.thaw)
	}
}

func (c *Conn) flows() bool {
	select {
	case <-c.thaw:
		return true
	default:
		return false
	}
}

// A chunk is what one read gave, and when it arrives at the other side.
type chunk struct {
	bytes []byte
	due   time.Time
}

func (c *Conn) serve() {
	defer c.p.running.Done()
	defer c.Cut()
	if !c.passes(time.Now()) { // a silent network lets nobody connect
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	server, err := c.p.dial(ctx, c.p.target)
	cancel()
	if err != nil {
		return
	}
	defer server.Close()
	var pumps sync.WaitGroup
	pumps.Go(func() { c.pump(server, c.client) })
	pumps.Go(func() { c.pump(c.client, server) })
	<-c.closed
	server.Close()
	pumps.Wait()
}

// pump forwards until either side ends or the connection is cut, and cuts it then.
func (c *Conn) pump(to, from net.Conn) {
	chunks := make(chan chunk, 1024)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer c.Cut()
		for k := range chunks {
			if !c.passes(k.due) {
				return
			}
			if _, err := to.Write(k.bytes); err != nil {
				return
			}
		}
		c.passes(time.Now()) // the end does not get through a silent network either
	})
	defer writer.Wait()
	defer close(chunks)
	var due time.Time
	for {
		b := make([]byte, 32<<10)
		n, err := from.Read(b)
		if n > 0 {
			if d := time.Now().Add(c.p.latency()); d.After(due) {
				due = d
			}
			select {
			case chunks <- chunk{b[:n], due}:
			case <-c.closed:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// passes waits until it is due and nothing is held back. It is false when the
// connection was cut meanwhile.
func (c *Conn) passes(due time.Time) bool {
	if d := time.Until(due); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.closed:
			return false
		}
	}
	for {
		c.mu.Lock()
		thaw := c.thaw
		c.mu.Unlock()
		select {
		case <-c.closed:
			return false
		case <-thaw:
		}
		c.mu.Lock()
		flows := c.flows() // it may have been frozen again
		c.mu.Unlock()
		if flows {
			return true
		}
	}
}
