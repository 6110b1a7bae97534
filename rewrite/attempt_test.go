package rewrite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/sourcetest"
)

// ruleScripts returns the text of the scripts of all rules.
func ruleScripts(t *testing.T) (text string) {
	t.Helper()
	names, err := filepath.Glob("../testdata/rule/*/*.txtar")
	if err != nil || len(names) < len(Rules) {
		t.Fatalf("%d scripts for %d rules: %v", len(names), len(Rules), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
	}
	return text
}

// rules returns the rules of the findings, in order.
func ruleIDs(fs []*finding.Finding) (out []string) {
	for _, f := range fs {
		out = append(out, f.Rule)
	}
	return out
}

// Retries without a loop of their own: by a library, and by recursion.
func TestRepeatedAttempts(t *testing.T) {
	const timed = `
func try(ctx context.Context, mu *concurrency.Mutex) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return mu.Lock(ctx)
}
`
	const create = `
func create(ctx context.Context, c *clientv3.Client) bool {
	resp, err := c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision("k"), "=", 0)).Then(clientv3.OpPut("k", "", clientv3.WithLease(1))).Commit()
	return err == nil && resp.Succeeded
}
`
	const own = `
func attempt(ctx context.Context, s func() (*concurrency.Session, error)) bool {
	session, err := concurrency.NewSession(nil)
	return err == nil && concurrency.NewMutex(session, "k").TryLock(ctx) == nil
}
`
	tests := []struct{ name, imports, body, want string }{
		{"timed by a library", "context time wait concurrency", timed + `
func run(ctx context.Context, mu *concurrency.Mutex) {
	wait.Until(func() { _ = try(ctx, mu) }, time.Second, ctx.Done())
}`, "timed-lock"},
		{"timed by recursion", "context time concurrency", timed + `
func run(ctx context.Context, mu *concurrency.Mutex) {
	if try(ctx, mu) != nil {
		time.Sleep(time.Second)
		run(ctx, mu)
	}
}`, "timed-lock"},
		{"timed in itself", "context time concurrency", `
func run(ctx context.Context, mu *concurrency.Mutex) error {
	try, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := mu.Lock(try); err != nil {
		return run(ctx, mu)
	}
	return nil
}`, "timed-lock"},
		{"created by a library", "context time wait clientv3", create + `
func run(ctx context.Context, c *clientv3.Client) {
	wait.Until(func() { create(ctx, c) }, time.Second, ctx.Done())
}`, "txn-poll"},
		{"session by a library", "context time wait concurrency", own + `
func run(ctx context.Context) {
	wait.Until(func() { attempt(ctx, nil) }, time.Second, ctx.Done())
}`, "trylock-poll session-per-try"},
		{"session behind the try", "context time concurrency", `
func attempt(ctx context.Context, mu *concurrency.Mutex) bool {
	if mu.TryLock(ctx) == nil {
		return true
	}
	_, err := concurrency.NewSession(nil)
	return err == nil
}

func run(ctx context.Context, mu *concurrency.Mutex) {
	for !attempt(ctx, mu) {
		time.Sleep(time.Second)
	}
}

func start() { run(nil, concurrency.NewMutex(nil, "x")) }`, "trylock-poll"},
		{"job by a library", "context time wait concurrency", `
func run(ctx context.Context, mu *concurrency.Mutex, work func()) {
	wait.Until(func() {
		if mu.TryLock(ctx) == nil {
			work()
			mu.Unlock(ctx)
		}
	}, time.Second, ctx.Done())
}

func start() { run(nil, concurrency.NewMutex(nil, "x"), nil) }`, "periodic-job"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			archive := sourcetest.Archive(test.imports, test.body)
			archive = strings.Replace(archive, "\t\"clientv3\"\n", "\tclientv3 \"go.etcd.io/etcd/client/v3\"\n", 1)
			if got := strings.Join(ruleIDs(analyze(t, archive+sessions)), " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

const sessions = `
-- go.etcd.io/etcd/client/v3/concurrency/session.go --
package concurrency

func NewSession(client interface{}) (*Session, error) { return nil, nil }
`

// All import paths of the client are known, also below a vendor directory of a GOPATH, and
// no others; a client without TryLock has no finding whatever else has that method.
func TestImportPaths(t *testing.T) {
	const with = "func (*Mutex) TryLock(ctx context.Context) error { return nil }\n"
	for path, want := range map[string]int{
		"go.etcd.io/etcd/client/v3/concurrency":            1,
		"go.etcd.io/etcd/clientv3/concurrency":             1,
		"go.etcd.io/etcd/v3/clientv3/concurrency":          1,
		"github.com/coreos/etcd/clientv3/concurrency":      1,
		"m/vendor/go.etcd.io/etcd/v3/clientv3/concurrency": 1,
		"example.com/etcd/clientv3/concurrency":            0,
		"go.etcd.io/etcd/client/v4/concurrency":            0,
	} {
		for _, has := range []bool{true, false} {
			body, method := poll+"func run() { wait(nil, concurrency.NewMutex(nil, \"x\")) }", with
			n := want
			if !has {
				n, method = 0, ""
				body = strings.Replace(poll, "*concurrency.Mutex", "lock", 1) +
					"type lock struct{ *concurrency.Mutex }\n\nfunc (lock) TryLock(context.Context) error { return nil }"
			}
			archive := strings.Replace(sourcetest.Archive("context time concurrency", body), "go.etcd.io/etcd/client/v3/concurrency", path, 1)
			stub := "-- " + path + "/mutex.go --\npackage concurrency\n\nimport \"context\"\n\ntype Session struct{}\ntype Mutex struct{}\n\n" +
				"func NewMutex(s *Session, pfx string) *Mutex { return nil }\n\nvar _ context.Context\n\n" + method
			if strings.Contains(sourcetest.Stubs, "-- "+path+"/mutex.go --") {
				if !has {
					continue // the stub that all tests share has it
				}
				stub = ""
			}
			t.Run(fmt.Sprintf("%s/%t", path, has), func(t *testing.T) {
				if got := len(analyze(t, archive+stub)); got != n {
					t.Errorf("%d findings, want %d", got, n)
				}
			})
		}
	}
}
