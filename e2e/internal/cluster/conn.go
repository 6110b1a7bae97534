package cluster

import (
	"context"
	"net"
	"sync"
)

// A conn is a client's connection to a member, which the harness can cut or freeze.
type conn struct {
	net.Conn
	c      *Cluster
	closed chan struct{}
	once   sync.Once
	thaw   chan struct{} // closed unless frozen; guarded by c.mu
}

// Dial connects to the member at address, as clients do: its stop and Freeze reach the
// connection.
func (c *Cluster) Dial(ctx context.Context, address string) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	n := &conn{Conn: raw, c: c, closed: make(chan struct{}), thaw: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen {
		close(n.thaw)
	}
	c.conns[address] = append(c.conns[address], n)
	return n, nil
}

func (c *Cluster) cut(address string) {
	c.mu.Lock()
	conns := c.conns[address]
	delete(c.conns, address)
	c.mu.Unlock()
	for _, n := range conns {
		n.Close()
	}
}

// Freeze makes all connections of all clients half-open, new ones too: they stay
// established, and nothing that a server sends arrives any more. It cannot be undone.
func (c *Cluster) Freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = true
	for _, conns := range c.conns {
		for _, n := range conns {
			n.thaw = make(chan struct{})
		}
	}
}

// Read holds back what arrives while the connection is frozen.
func (n *conn) Read(b []byte) (int, error) {
	read, err := n.Conn.Read(b)
	n.c.mu.Lock()
	thaw := n.thaw
	n.c.mu.Unlock()
	select {
	case <-thaw:
		return read, err
	case <-n.closed:
		return 0, net.ErrClosed
	}
}

func (n *conn) Close() error {
	n.once.Do(func() { close(n.closed) })
	return n.Conn.Close()
}
