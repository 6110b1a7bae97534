package judge

import (
	"strings"
	"testing"
)

// collapse returns what stands against the collapse of a pair, or "".
func (b *bench) collapse(old, new string) string {
	b.t.Helper()
	p, err := b.load(old, new)
	if err != nil {
		b.t.Fatalf("%v in\n%s", err, new)
	}
	if o := p.j.Collapse(p.old, p.new, p.tries[0]).Against; o != nil {
		return o.Why
	}
	return ""
}

// polled is a loop of the usual shape, with a place for what is special about it.
const polled = `for {
		if mu.TryLock(ctx) == nil { return nil }
		select {
		case <-ctx.Done(): return ctx.Err()
		case <-time.After(time.Second):
		}
	}`

// storm is a loop that tries with each event of a watch.
const storm = `events := cli.Watch(ctx, "/a", clientv3.WithPrefix())
	for {
		select {
		case <-ctx.Done(): return ctx.Err()
		case <-events:
			if err = mu.TryLock(ctx); err == nil { return nil }
		}
	}`

var collapses = []struct{ name, head, loop, wait, want string }{
	{"returned", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`, polled,
		`return mu.WatchLockRetry(ctx, time.Second)`, ""},
	{"other errors end it", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`, `for {
		err := mu.TryLock(ctx)
		if err == nil { return nil }
		if err != concurrency.ErrLocked { return fmt.Errorf("try: %w", err) }
		select { case <-ctx.Done(): return ctx.Err(); case <-time.After(time.Second): }
	}`, `if err := mu.WatchLock(ctx); err != nil { if ctx.Err() != nil { return ctx.Err() }; return fmt.Errorf("try: %w", err) }; return nil`, ""},
	{"work after it", `func wait(ctx context.Context, mu *concurrency.Mutex, work func() error) (err error) { defer func() { log.Print(err) }(); t := time.NewTicker(time.Second); defer t.Stop();
		`, `for { if mu.TryLock(ctx) == nil { break }; select { case <-ctx.Done(): return ctx.Err(); case <-t.C: } }
		return work()`, `if err := mu.WatchLockRetry(ctx, time.Second); err != nil { return err }; return work()`, ""},
	{"a ticker in a range", `type e struct { mu *concurrency.Mutex; every time.Duration }
	func wait(ctx context.Context, e *e) error {`, `t := time.NewTicker(e.every)
	for { err := e.mu.TryLock(ctx); if err == nil { return nil }; if !errors.Is(err, concurrency.ErrLocked) { return err }; <-t.C }`,
		`return e.mu.WatchLock(ctx)`, ""},

	{"a literal", `func wait(ctx context.Context, mu *concurrency.Mutex) func() error { return func() error {`, polled + "\n}",
		"return mu.WatchLockRetry(ctx, time.Second)\n}", ""},
	{"a literal that has a variable of others", `func wait(ctx context.Context, mu *concurrency.Mutex) (func() error, func(context.Context)) { return func() error {`,
		polled + "\n}, func(c context.Context) { ctx = c }", "return mu.WatchLockRetry(ctx, time.Second)\n}, func(c context.Context) { ctx = c }", "something else"},

	{"the length of the wait is returned", `func wait(ctx context.Context, mu *concurrency.Mutex) (time.Duration, error) {
		start := time.Now()
		`, `for {
		if mu.TryLock(ctx) == nil { return time.Since(start), nil }
		select { case <-ctx.Done(): return 0, ctx.Err(); case <-time.After(time.Second): }
	}`, `if err := mu.WatchLockRetry(ctx, time.Second); err != nil { return 0, err }; return time.Since(start), nil`, "is used"},
	{"the length of the wait is logged", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		start := time.Now()
		`, `for {
		if mu.TryLock(ctx) == nil { log.Print(time.Since(start)); return nil }
		select { case <-ctx.Done(): return ctx.Err(); case <-time.After(time.Second): }
	}`, `if err := mu.WatchLockRetry(ctx, time.Second); err != nil { return err }; log.Print(time.Since(start)); return nil`, ""},
	{"a clock is stopped when the context ends before the first try", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		`, `for {
		select {
		case <-ctx.Done(): return ctx.Err()
		case <-t.C: if mu.TryLock(ctx) == nil { return nil }
		}
	}`, `return mu.WatchLockRetry(ctx, time.Second)`, ""},
	{"another interval", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`, polled, `return mu.WatchLockRetry(ctx, time.Minute)`, "interval"},
	{"another context", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`, polled, `return mu.WatchLockRetry(context.Background(), time.Second)`, "the loop did"},
	{"success that is told as an error", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`, polled,
		`if err := mu.WatchLockRetry(ctx, time.Second); err == nil { return errors.New("no") } else { return err }`, "when the lock is got"},
	{"an end that is told as success", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`, polled,
		`mu.WatchLockRetry(ctx, time.Second); return nil`, "when the context ends"},
	{"the end of the session told as success", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`, polled,
		`if mu.WatchLockRetry(ctx, time.Second) != nil { return ctx.Err() }; return nil`, "session"},
	{"errors are returned that were retried", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`, polled,
		`return mu.WatchLock(ctx)`, "fails otherwise"},

	{"an error that a deferred function reads", `func wait(ctx context.Context, mu *concurrency.Mutex, s *concurrency.Session, closed func()) error {
		var err error
		defer func() { if err != nil { closed() } }()`,
		strings.Replace(polled, "if mu.TryLock(ctx) == nil", "if err = mu.TryLock(ctx); err == nil", 1), `return mu.WatchLockRetry(ctx, time.Second)`, "when the context ends"},
	{"a package variable", `var lastErr error
	func wait(ctx context.Context, mu *concurrency.Mutex) error {`,
		strings.Replace(polled, "if mu.TryLock(ctx) == nil", "if lastErr = mu.TryLock(ctx); lastErr == nil", 1), `return mu.WatchLockRetry(ctx, time.Second)`, "more than wait"},
	{"a variable that a literal reads beside the loop", `func wait(ctx context.Context, mu *concurrency.Mutex, health func(func() error)) error {
		var err error
		health(func() error { return err })`,
		strings.Replace(polled, "if mu.TryLock(ctx) == nil", "if err = mu.TryLock(ctx); err == nil", 1), `return mu.WatchLockRetry(ctx, time.Second)`, "more than wait"},
	{"a variable that a pointer leads to", `func wait(ctx context.Context, mu *concurrency.Mutex, status *error) error {`,
		strings.Replace(polled, "if mu.TryLock(ctx) == nil", "if *status = mu.TryLock(ctx); *status == nil", 1), `return mu.WatchLockRetry(ctx, time.Second)`, "more than wait"},

	{"the process ends with the context", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`,
		strings.Replace(polled, "return ctx.Err()", `log.Fatal("stopped"); return ctx.Err()`, 1),
		`if err := mu.WatchLockRetry(ctx, time.Second); err != nil { log.Fatal("stopped"); return err }; return nil`, "session"},
	{"a file goes with the context", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`,
		strings.Replace(polled, "return ctx.Err()", `os.Remove("/run/pid"); return fmt.Errorf("shut down: %w", ctx.Err())`, 1),
		`if err := mu.WatchLockRetry(ctx, time.Second); err != nil { os.Remove("/run/pid"); return fmt.Errorf("shut down: %w", err) }; return nil`, "when only the session ends"},
	{"a line is logged with the context", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`,
		strings.Replace(polled, "return ctx.Err()", `log.Print("stopped"); return fmt.Errorf("shut down: %w", ctx.Err())`, 1),
		`if err := mu.WatchLockRetry(ctx, time.Second); err != nil { log.Print("stopped"); return fmt.Errorf("shut down: %w", err) }; return nil`, ""},

	{"a mutex that is copied into an array", `type slot struct{ mu *concurrency.Mutex }
	var slots [2]slot
	func refresh(s *concurrency.Session) { copy(slots[:], []slot{{concurrency.NewMutex(s, "/a")}}) }
	func wait(ctx context.Context, i int) error { s := &slots[i]`, strings.Replace(polled, "mu.", "s.mu.", 1), `return s.mu.WatchLockRetry(ctx, time.Second)`, "another one in a later round"},
	{"a mutex that is swapped under construction", `type elector struct{ mu *concurrency.Mutex }
	func open() *concurrency.Mutex
	func run(ctx context.Context) { e := &elector{}; for first := true; ; first = false { e.mu = open(); if first { go wait(ctx, e) } } }
	func wait(ctx context.Context, e *elector) error {`, strings.Replace(polled, "mu.", "e.mu.", 1), `return e.mu.WatchLockRetry(ctx, time.Second)`, "another one in a later round"},
	{"another channel ends it", `func wait(ctx context.Context, mu *concurrency.Mutex, stop chan bool) error {`,
		strings.Replace(polled, "case <-ctx.Done()", `case <-stop: return nil; case <-ctx.Done()`, 1), `return mu.WatchLockRetry(ctx, time.Second)`, "something else"},
	{"watch events", `func wait(ctx context.Context, mu *concurrency.Mutex, cli *clientv3.Client) (err error) {`, storm, `return mu.WatchLockRetry(ctx, etcdlock.RetryInterval)`, ""},
	{"watch events, and other errors end it", `func wait(ctx context.Context, mu *concurrency.Mutex, cli *clientv3.Client) (err error) {`,
		strings.Replace(storm, "if err = mu.TryLock(ctx); err == nil { return nil }", "err = mu.TryLock(ctx); if err == nil { return nil }; if err != concurrency.ErrLocked { return err }", 1),
		`return mu.WatchLock(ctx)`, ""},
	{"watch events, and success told as an error", `func wait(ctx context.Context, mu *concurrency.Mutex, cli *clientv3.Client) (err error) {`, storm,
		`mu.WatchLockRetry(ctx, etcdlock.RetryInterval); return errors.New("no")`, "when the lock is got"},
	{"watch events, and the end of the context told as success", `func wait(ctx context.Context, mu *concurrency.Mutex, cli *clientv3.Client) (err error) {`, storm,
		`mu.WatchLockRetry(ctx, etcdlock.RetryInterval); return nil`, "when the context ends"},
	{"watch events that are counted for others", `func wait(ctx context.Context, mu *concurrency.Mutex, cli *clientv3.Client, seen *int) (err error) {`,
		strings.Replace(storm, "case <-events:", "case <-events: *seen++;", 1), `return mu.WatchLockRetry(ctx, etcdlock.RetryInterval)`, "more than wait"},
	{"watch events that are logged", `func wait(ctx context.Context, mu *concurrency.Mutex, cli *clientv3.Client) (err error) {`,
		strings.Replace(storm, "return nil }", `return nil }; log.Print(err)`, 1), `return mu.WatchLockRetry(ctx, etcdlock.RetryInterval)`, "more than wait"},

	{"that there was a wait", `func wait(ctx context.Context, mu *concurrency.Mutex, refresh func()) error { waited := false;`,
		strings.NewReplacer("select {", `waited = true; select {`, "return nil", "if waited { refresh() }; return nil").Replace(polled), `if err := mu.WatchLockRetry(ctx, time.Second); err != nil { return err }; if waited { refresh() }; return nil`, "when the lock is got"},
	{"how many waits there were", `func wait(ctx context.Context, mu *concurrency.Mutex) (int, error) { n := 0;`,
		strings.NewReplacer("select {", `n++; select {`, "return nil", "return n, nil", "return ctx", "return n, ctx").Replace(polled), `err := mu.WatchLockRetry(ctx, time.Second); return n, err`, "when the lock is got"},
	{"the context is cancelled that was derived", `func wait(parent context.Context, mu *concurrency.Mutex) error { ctx, cancel := context.WithTimeout(parent, time.Minute);`,
		strings.Replace(polled, "return ctx.Err()", "cancel(); return ctx.Err()", 1), `if err := mu.WatchLockRetry(ctx, time.Second); err != nil { cancel(); return err }; return nil`, ""},
	{"a context that was cancelled is no error", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`,
		strings.Replace(polled, "return ctx.Err()", "if ctx.Err() == context.Canceled { return nil }; return ctx.Err()", 1), `if err := mu.WatchLockRetry(ctx, time.Second); err != nil { if err == context.Canceled { return nil }; return err }; return nil`, ""},
	{"rounds that are logged", `func wait(ctx context.Context, mu *concurrency.Mutex) error {`,
		strings.Replace(polled, "select {", `log.Print("standby"); select {`, 1), `return mu.WatchLockRetry(ctx, time.Second)`, "more than wait"},
}

func TestCollapses(t *testing.T) {
	b := newBench(t)
	for _, c := range collapses {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			old := prelude + c.head + "\n\t" + c.loop + "\n}\n"
			new := b.edited(prelude+c.head+"\n\t"+c.wait+"\n}\n", nil)
			if strings.Contains(c.head, "t := time.NewTicker") {
				new = strings.Replace(new, "t := time.NewTicker(time.Second); defer t.Stop();", "", 1)
			}
			switch got := b.collapse(old, new); {
			case c.want == "" && got != "":
				t.Errorf("does not pass: %s", got)
			case c.want != "" && !strings.Contains(got, c.want):
				t.Errorf("says %q, want %q", got, c.want)
			}
		})
	}
}
