package account_test

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"

	"etcdmod/rewrite/internal/account"
	"etcdmod/rewrite/internal/sourcetest"
)

const head = `
-- m/m.go --
package m

import (
	"context"
	"reflect"
	"sync"
	"time"

	"example.com/lib"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

var (
	_ reflect.Value
	_ lib.Config
	_ sync.Mutex
	_ time.Time
	_ clientv3.Op
)

type svc struct{ *concurrency.Mutex }

type locker interface{ TryLock(context.Context) error }

type failing interface{ TryLock(context.Context) string }

`

// TestTries counts each place once, in whatever form the method is named, and whether or
// not it is ever called.
func TestTries(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"a call", `func f(ctx context.Context, mu *concurrency.Mutex) { mu.TryLock(ctx) }`, "TryLock call"},
		{"promoted", `func f(ctx context.Context, s svc) { s.TryLock(ctx) }`, "TryLock call"},
		{"a method value", `func f(mu *concurrency.Mutex) any { return mu.TryLock }`, "TryLock method value"},
		{"a method expression, called and stored", `var f = (*concurrency.Mutex).TryLock
func g(ctx context.Context, mu *concurrency.Mutex) { (*concurrency.Mutex).TryLock(mu, ctx) }`, "TryLock method expression; TryLock call"},
		{"an interface", `func f(ctx context.Context, l locker) { l.TryLock(ctx) }`, "TryLock call dynamic"},
		{"an interface that the mutex does not satisfy", `func f(ctx context.Context, l failing) { l.TryLock(ctx) }`, ""},
		{"a type parameter", `func f[T locker](ctx context.Context, l T) { l.TryLock(ctx) }`, "TryLock call dynamic"},
		{"a type parameter of pointers", `func f[E any, T interface { *E; TryLock(context.Context) error }](ctx context.Context, l T) { l.TryLock(ctx) }`, "TryLock call dynamic"},
		{"other mutexes", `func f(mu *sync.Mutex) { for !mu.TryLock() {} }`, ""},
		{"dead code", `func f(ctx context.Context, mu *concurrency.Mutex) { return; mu.TryLock(ctx) }`, "TryLock call"},
		{"a function without a name", `func _(ctx context.Context, mu *concurrency.Mutex) { mu.TryLock(ctx) }`, "TryLock call"},
		{"the value of a variable", `var f = func(ctx context.Context, mu *concurrency.Mutex) error { return mu.TryLock(ctx) }`, "TryLock call"},
		{"a package with a type error", `func f(ctx context.Context, mu *concurrency.Mutex) int { mu.TryLock(ctx); return "no" }`, "TryLock call untyped"},
		{"Lock", `func f(ctx context.Context, mu *concurrency.Mutex) { mu.Lock(ctx) }`, ""},
		{"Lock with a timeout", `func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := context.WithTimeout(ctx, 1); defer stop(); mu.Lock(c) }`, "Lock call"},
		{"Lock with a timeout from the caller", `func g(ctx context.Context, mu *concurrency.Mutex) { mu.Lock(ctx) }
func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := context.WithDeadline(ctx, time.Now()); defer stop(); g(context.WithValue(c, 1, 2), mu) }`, "Lock call"},
		{"Lock with a timeout from a helper", `func short(ctx context.Context) (context.Context, func()) { c, stop := context.WithTimeout(ctx, 1); return c, stop }
func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := short(ctx); defer stop(); mu.Lock(c) }`, "Lock call"},
		{"Lock with a timeout that is kept in a field", `type op struct { mu *concurrency.Mutex; ctx context.Context }
func (o *op) lock() { o.mu.Lock(o.ctx) }
func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := context.WithTimeout(ctx, 1); defer stop(); (&op{mu, c}).lock() }`, "Lock call"},
		{"Lock with a timeout that a field is assigned", `type op struct { mu *concurrency.Mutex; ctx context.Context; stop func() }
func (o op) lock() { o.mu.Lock(o.ctx) }
func f(ctx context.Context, o op) { o.ctx, o.stop = context.WithTimeout(ctx, 1); o.lock() }`, "Lock call"},
		{"Lock with the context of a service", `type op struct { mu *concurrency.Mutex; ctx context.Context }
func (o op) lock() { o.mu.Lock(o.ctx) }
func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := context.WithCancel(ctx); defer stop(); op{ctx: c, mu: mu}.lock() }`, ""},
		{"Lock of an interface with a timeout", `func f(ctx context.Context, l interface{ Lock(context.Context) error }) { c, stop := context.WithTimeout(ctx, 1); defer stop(); l.Lock(c) }`, "Lock call dynamic"},
		{"Lock of a type parameter with a timeout", `func f[T interface{ Lock(context.Context) error }](ctx context.Context, l T) { c, stop := context.WithTimeout(ctx, 1); defer stop(); l.Lock(c) }`, "Lock call dynamic"},
		{"Lock in a method of an interface that is called with a timeout", `type waiter interface{ Acquire(context.Context) error }
type kept struct{ mu *concurrency.Mutex }
func (k *kept) Acquire(ctx context.Context) error { return k.mu.Lock(ctx) }
func f(ctx context.Context, w waiter) { c, stop := context.WithTimeout(ctx, 1); defer stop(); w.Acquire(c) }`, "Lock call"},
		{"Lock in a method of another signature", `type waiter interface{ Acquire(context.Context) bool }
type kept struct{ mu *concurrency.Mutex }
func (k *kept) Acquire(ctx context.Context) error { return k.mu.Lock(ctx) }
func f(ctx context.Context, w waiter) { c, stop := context.WithTimeout(ctx, 1); defer stop(); w.Acquire(c) }`, ""},
		{"Lock of an interface", `func f(ctx context.Context, l interface{ Lock(context.Context) error }) { l.Lock(ctx) }`, ""},
		{"Lock of an interface that is none of the mutex", `func f(ctx context.Context, l interface{ Lock(context.Context) (bool, error) }) { c, stop := context.WithTimeout(ctx, 1); defer stop(); l.Lock(c) }`, ""},
		{"Campaign with a timeout", `func f(ctx context.Context, e *concurrency.Election) { ctx, stop := context.WithTimeout(ctx, 1); defer stop(); e.Campaign(ctx, "me") }`, "Campaign call"},
		{"Campaign", `func f(ctx context.Context, e *concurrency.Election) { ctx, stop := context.WithCancel(ctx); defer stop(); e.Campaign(ctx, "me") }`, ""},
		{"create if absent", `func f(ctx context.Context, c *clientv3.Client) { c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision("k"), "=", 0)).Then(clientv3.OpPut("k", "")).Commit() }`, "Commit call"},
		{"create if below one, in parts", `func f(ctx context.Context, c *clientv3.Client) { txn := c.Txn(ctx); cmp := clientv3.Compare(clientv3.CreateRevision("k"), "<", 1); txn = txn.If(cmp); put := clientv3.OpPut("k", ""); txn.Then(put).Commit() }`, "Commit call"},
		{"create if absent, in slices", `func f(ctx context.Context, c *clientv3.Client) { missing := clientv3.Compare(clientv3.Version("k"), "=", 0); ops := []clientv3.Op{}; put := clientv3.OpPut("k", ""); ops = append(ops, put); c.Txn(ctx).If([]clientv3.Cmp{missing}...).Then(ops...).Commit() }`, "Commit call"},
		{"create if absent, of variables of the package", `var missing, put = clientv3.Compare(clientv3.Version("k"), "=", 0), clientv3.OpPut("k", "")
func f(ctx context.Context, c *clientv3.Client) { c.Txn(ctx).If(missing).Then(put).Commit() }`, "Commit call"},
		{"create if absent, of what functions make", `func missing(k string) []clientv3.Cmp { return []clientv3.Cmp{clientv3.Compare(clientv3.Version(k), "=", 0)} }
func put(k string) clientv3.Op { return clientv3.OpPut(k, "") }
func f(ctx context.Context, c *clientv3.Client) { c.Txn(ctx).If(missing("k")...).Then(put("k")).Commit() }`, "Commit call"},
		{"Lock as a value with a timeout", `func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := context.WithTimeout(ctx, 1); defer stop(); lock := mu.Lock; lock(c) }`, "Lock method value"},
		{"Campaign as a value with a timeout", `func run(ctx context.Context, lead func(context.Context, string) error) { c, stop := context.WithTimeout(ctx, 1); defer stop(); lead(c, "me") }
func f(ctx context.Context, e *concurrency.Election) { run(ctx, e.Campaign) }`, "Campaign method value"},
		{"Lock as a function with a timeout", `func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := context.WithTimeout(ctx, 1); defer stop(); (*concurrency.Mutex).Lock(mu, c); lock := (*concurrency.Mutex).Lock; lock(mu, c) }`, "Lock call; Lock method expression"},
		{"Lock as a value", `func g(ctx context.Context, lock func(context.Context) error) { lock(ctx) }
func f(ctx context.Context, mu *concurrency.Mutex) { g(ctx, mu.Lock); lock := mu.Lock; lock = lock; lock(ctx) }`, ""},
		{"Lock that a timer cancels", `func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := context.WithCancel(ctx); t := time.AfterFunc(1, stop); defer t.Stop(); mu.Lock(c) }`, "Lock call"},
		{"Lock that a goroutine cancels in time", `func f(ctx context.Context, mu *concurrency.Mutex) { c, stop := context.WithCancelCause(ctx); go func() { <-time.After(1); stop(nil) }(); mu.Lock(c) }`, "Lock call"},
		{"Lock that somebody cancels", `func f(ctx context.Context, mu *concurrency.Mutex, quit chan int) { c, stop := context.WithCancel(ctx); go func() { <-quit; stop() }(); mu.Lock(c); time.Sleep(1) }`, ""},
		{"create if absent, handed on", `func commit(t clientv3.Txn) (*clientv3.TxnResponse, error) { return t.Commit() }
func f(ctx context.Context, c *clientv3.Client) { commit(c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision("k"), "=", 0)).Then(clientv3.OpPut("k", ""))) }`, "Commit call"},
		{"create if absent, completed elsewhere", `func put(t clientv3.Txn) { t.Then(clientv3.OpPut("k", "")) }
func f(ctx context.Context, c *clientv3.Client) { t := c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision("k"), "=", 0)); put(t); t.Commit() }`, "Commit call"},
		{"create if absent, of parameters", `func commit(ctx context.Context, c *clientv3.Client, cmps []clientv3.Cmp, ops ...clientv3.Op) { c.Txn(ctx).If(cmps...).Then(ops...).Commit() }
func f(ctx context.Context, c *clientv3.Client) { commit(ctx, c, []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision("k"), "=", 0)}, clientv3.OpGet("j"), clientv3.OpPut("k", "")) }`, "Commit call"},
		{"put unless there", `func f(ctx context.Context, c *clientv3.Client) { c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision("k"), ">", 0)).Else(clientv3.OpPut("k", "")).Commit() }`, "Commit call"},
		{"put in any case", `func f(ctx context.Context, c *clientv3.Client) { c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision("k"), "!=", 0)).Then(clientv3.OpPut("k", "b")).Else(clientv3.OpPut("k", "a")).Commit() }`, ""},
		{"Do of a transaction that creates", `func f(ctx context.Context, kv clientv3.KV) { op := clientv3.OpTxn([]clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision("k"), "=", 0)}, []clientv3.Op{clientv3.OpPut("k", "")}, nil); kv.Do(ctx, op) }`, "Commit call"},
		{"Do of a transaction with one that creates", `func op(n int) clientv3.Op { if n > 0 { return clientv3.OpTxn(nil, []clientv3.Op{op(n-1)}, nil) }; return clientv3.OpTxn([]clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision("k"), "!=", 0)}, nil, []clientv3.Op{clientv3.OpPut("k", "")}) }
func f(ctx context.Context, c *clientv3.Client) { c.Do(ctx, op(3)) }`, "Commit call"},
		{"Do of something else", `func f(ctx context.Context, kv clientv3.KV) { kv.Do(ctx, clientv3.OpPut("k", "")); kv.Do(ctx, clientv3.OpTxn(nil, []clientv3.Op{clientv3.OpPut("k", "")}, nil)) }`, ""},
		{"given to another module", `func f(ctx context.Context, mu *concurrency.Mutex) { lib.Hold(ctx, mu); lib.Any(mu); lib.All(ctx, mu, mu); lib.Of(mu) }`, "TryLock given; TryLock given; TryLock given; TryLock given"},
		{"stored in a type of another module", `func f(mu *concurrency.Mutex) any { return []any{lib.Config{Lock: mu}, &lib.Config{mu, mu}} }`, "TryLock given; TryLock given; TryLock given"},
		{"given to a function of the module", `func g(any, locker) {}
func f(mu *concurrency.Mutex) { g(mu, mu) }`, ""},
		{"by name", `func f(mu *concurrency.Mutex) { reflect.ValueOf(mu).MethodByName("TryLock").Call(nil); reflect.TypeOf(mu).MethodByName("Unlock") }`, "TryLock by name"},
		{"compare and swap", `func f(ctx context.Context, c *clientv3.Client) { c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision("k"), "=", 7)).Then(clientv3.OpPut("k", "")).Commit() }`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := sourcetest.Load(t, head+test.src)
			var got []string
			for _, try := range account.Tries(p.Fset, p.Packages, account.Paths{
				Concurrency: []string{"go.etcd.io/etcd/client/v3/concurrency"}, Client: []string{"go.etcd.io/etcd/client/v3"},
			}, func(*ast.File) bool { return false }) {
				line := fmt.Sprintf("%s %s", try.Kind, try.Form)
				if try.Dynamic {
					line += " dynamic"
				}
				if !try.Typed {
					line += " untyped"
				}
				got = append(got, line)
			}
			if got := strings.Join(got, "; "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
