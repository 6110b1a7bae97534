package rewrite

import (
	"fmt"
	"math/rand"
	"strings"

	"etcdmod/internal/finding"
)

// A choice is one value of a dimension of generated polling functions. max is the
// strongest tier that a function with it may get, whatever else it does: an independent
// statement of what the proofs must not let through.
type choice struct {
	name string
	max  finding.Tier
	text map[string]string // what it contributes, by place
}

// The dimensions of a polling function.
var (
	// clocks are what paces the tries. "head" opens the loop, "first" comes before the try,
	// "wait" behind it, "close" ends the loop, "before" stands before it.
	clocks = []choice{
		{"none", finding.Gate, map[string]string{"head": "for {", "close": "}"}},
		{"context-only", finding.Gate, map[string]string{"head": "for ctx.Err() == nil {", "close": "}"}},
		{"held-only", finding.Gate, map[string]string{"head": "for !held {", "close": "}"}},
		{"sleep", finding.Collapse, map[string]string{"head": "for {", "wait": "time.Sleep(d)", "close": "}"}},
		{"default", finding.Collapse, map[string]string{"head": "for {", "wait": "select {\ncase <-ctx.Done():\nreturn ctx.Err()\ndefault:\ntime.Sleep(time.Second)\n}", "close": "}"}},
		{"ticker", finding.Collapse, map[string]string{"before": "ticker := time.NewTicker(time.Second)\ndefer ticker.Stop()", "head": "for {",
			"wait": "select {\ncase <-ctx.Done():\nreturn ctx.Err()\ncase <-ticker.C:\n}", "close": "}"}},
		{"ticker-first", finding.Collapse, map[string]string{"before": "ticker := time.NewTicker(d) // until it is ours\ndefer ticker.Stop()",
			"head": "for {\nselect {\ncase <-ctx.Done():\nreturn ctx.Err()\ncase <-ticker.C:\n", "close": "}\n}", "select": "yes"}},
		{"ticker-range", finding.Collapse, map[string]string{"before": "ticker := time.NewTicker(d)\ndefer ticker.Stop()", "head": "for range ticker.C {", "close": "}"}},
		{"ticker-field", finding.Guard, map[string]string{"head": "for {", "wait": "<-shared.ticker.C", "close": "}"}},
		{"ticker-parameter", finding.Guard, map[string]string{"head": "for range ticks {", "close": "}"}},
		{"tick", finding.Collapse, map[string]string{"head": "for range time.Tick(time.Second) {", "close": "}"}},
		{"tick-variable", finding.Collapse, map[string]string{"before": "tick := time.Tick(d)", "head": "for {", "wait": "<-tick", "close": "}"}},
		{"after", finding.Collapse, map[string]string{"head": "for {", "wait": "select {\ncase <-time.After(500 * time.Millisecond):\ncase <-ctx.Done():\nreturn ctx.Err()\n}", "close": "}"}},
		{"after-variable", finding.Gate, map[string]string{"head": "for {", "first": "next := time.After(d)", "wait": "<-next", "close": "}"}},
		{"deadline", finding.Gate, map[string]string{"before": "deadline := time.After(time.Minute)", "head": "for {",
			"wait": "select {\ncase <-deadline:\nreturn errors.New(\"late\")\ncase <-time.After(d):\n}", "close": "}"}},
		{"timer", finding.Gate, map[string]string{"head": "for {", "wait": "timer := time.NewTimer(d)\nselect {\ncase <-ctx.Done():\ntimer.Stop()\nreturn ctx.Err()\ncase <-timer.C:\n}", "close": "}"}},
		{"timer-reset", finding.Gate, map[string]string{"before": "timer := time.NewTimer(0)\ndefer timer.Stop()", "head": "for {", "first": "<-timer.C", "wait": "timer.Reset(d)", "close": "}"}},
		{"timer-once", finding.Guard, map[string]string{"before": "timer := time.NewTimer(d)", "head": "for {", "wait": "<-timer.C", "close": "}"}},
		{"two-clocks", finding.Guard, map[string]string{"head": "for {", "wait": "select {\ncase <-time.After(d):\ncase <-time.After(time.Hour):\n}", "close": "}"}},
		{"function", finding.Guard, map[string]string{"head": "for {", "wait": "pause(d)", "close": "}"}},
		{"goto", finding.Gate, map[string]string{"head": "again:", "wait": "goto again", "goto": "yes"}},
		{"goto-sleep", finding.Gate, map[string]string{"head": "again:", "wait": "time.Sleep(d)\ngoto again", "goto": "yes"}},
	}

	// exits are what follows success.
	exits = []choice{
		{"return", finding.Collapse, map[string]string{"won": "return nil"}},
		{"work-return", finding.Collapse, map[string]string{"won": "work() // ours\nreturn nil"}},
		{"break", finding.Collapse, map[string]string{"won": "break"}},
		{"break-work", finding.Collapse, map[string]string{"won": "break", "after": "work()"}},
		{"loops", finding.Guard, map[string]string{"won": "work()\n_ = MU.Unlock(ctx)"}},
		{"holds", finding.Guard, map[string]string{"won": "held = true"}},
	}

	// policies are what becomes of errors other than ErrLocked.
	policies = []choice{
		{"retried", finding.Collapse, nil},
		{"returned", finding.Collapse, map[string]string{"policy": "if err != nil && err != concurrency.ErrLocked {\nreturn err\n}"}},
		{"wrapped", finding.Collapse, map[string]string{"policy": "if err != nil && !errors.Is(err, concurrency.ErrLocked) {\nreturn fmt.Errorf(\"lock: %w\", err)\n}"}},
		{"fatal", finding.Collapse, map[string]string{"policy": "if err != nil && err != concurrency.ErrLocked {\nlog.Fatal(err)\n}"}},
		{"tolerated", finding.Collapse, map[string]string{"policy": "tolerate(err)"}},
		{"renamed", finding.Gate, map[string]string{"policy": "if err != nil && err != errBusy {\nreturn err\n}"}},
	}

	// effects are what a round that failed does besides.
	effects = []choice{
		{"nothing", finding.Collapse, nil},
		{"comment", finding.Collapse, map[string]string{"effect": "// somebody else is at work"}},
		{"logs", finding.Gate, map[string]string{"effect": "log.Print(err)"}},
		{"counts", finding.Gate, map[string]string{"effect": "n++"}},
		{"attempts", finding.Guard, map[string]string{"effect": "n++\nif n > 5 {\nreturn errors.New(\"busy\")\n}"}},
		{"works", finding.Guard, map[string]string{"effect": "work()"}},
		{"sends", finding.Guard, map[string]string{"effect": "beats <- n"}},
	}

	// origins are where the mutex comes from: "mutex" is the expression at the loop.
	origins = []choice{
		{"parameter", finding.Collapse, map[string]string{"mutex": "mu", "params": "mu *concurrency.Mutex", "args": `concurrency.NewMutex(s, "/a")`}},
		{"local", finding.Collapse, map[string]string{"mutex": "mu", "setup": `mu := concurrency.NewMutex(s, "/a")`, "params": "s *concurrency.Session", "args": "s"}},
		{"field", finding.Collapse, map[string]string{"mutex": "sv.mu", "decls": "type service struct {\n\tname string\n\tmu   *concurrency.Mutex // of this service\n}",
			"params": "sv *service", "args": `&service{"a", concurrency.NewMutex(s, "/a")}`}},
		{"nested", finding.Collapse, map[string]string{"mutex": "sv.lock.mu", "decls": "type lock struct{ mu *concurrency.Mutex }\n\ntype service struct{ lock *lock }",
			"params": "sv *service", "args": `&service{lock: &lock{mu: concurrency.NewMutex(s, "/a")}}`}},
		{"package", finding.Collapse, map[string]string{"mutex": "mu", "decls": `var mu = concurrency.NewMutex(nil, "/a")`, "params": "_ int", "args": "0"}},
		{"set-later", finding.Collapse, map[string]string{"mutex": "mu", "decls": "var mu *concurrency.Mutex", "params": "_ int", "args": "set(s)",
			"more": `func set(s *concurrency.Session) int { mu = concurrency.NewMutex(s, "/a"); return 0 }`}},
		{"embedded", finding.Collapse, map[string]string{"mutex": "sv", "decls": "type service struct{ *concurrency.Mutex }", "params": "sv *service", "args": `&service{concurrency.NewMutex(s, "/a")}`}},
		{"generic", finding.Collapse, map[string]string{"mutex": "b.value", "decls": "type box[T any] struct{ value T }",
			"params": "b *box[*concurrency.Mutex]", "args": `&box[*concurrency.Mutex]{concurrency.NewMutex(s, "/a")}`}},
		{"map", finding.Guard, map[string]string{"mutex": `locks["a"]`, "params": "locks map[string]*concurrency.Mutex", "args": `map[string]*concurrency.Mutex{"a": concurrency.NewMutex(s, "/a")}`}},
		{"slice", finding.Guard, map[string]string{"mutex": "locks[0]", "params": "locks ...*concurrency.Mutex", "args": `concurrency.NewMutex(s, "/a")`}},
		{"result", finding.Guard, map[string]string{"mutex": "mutex()", "params": "mutex func() *concurrency.Mutex", "args": `func() *concurrency.Mutex { return concurrency.NewMutex(s, "/a") }`}},
		{"interface", finding.Guard, map[string]string{"mutex": "l", "decls": "type locker interface {\n\tTryLock(context.Context) error\n\tUnlock(context.Context) error\n}",
			"params": "l locker", "args": `concurrency.NewMutex(s, "/a")`}},
		{"wrapper", finding.Guard, map[string]string{"mutex": "w", "decls": "type wrapper struct{ inner *concurrency.Mutex }", "params": "w wrapper", "args": `wrapper{concurrency.NewMutex(s, "/a")}`,
			"more": "func (w wrapper) TryLock(ctx context.Context) error { return w.inner.TryLock(ctx) }\n\nfunc (w wrapper) Unlock(ctx context.Context) error { return w.inner.Unlock(ctx) }"}},
	}

	dimensions = [][]choice{clocks, exits, policies, effects, origins}
)

// A polling is one generated function: a choice of each dimension.
type polling struct {
	clock, exit, policy, effect, origin choice
	crlf                                bool
}

// pollings returns how many functions there are.
func pollings() int {
	n := 1
	for _, d := range dimensions {
		n *= len(d)
	}
	return n
}

// pollingAt returns the i-th function.
func pollingAt(i int) polling {
	var c [5]choice
	rest := i
	for k, d := range dimensions {
		c[k] = d[rest%len(d)]
		rest /= len(d)
	}
	return polling{c[0], c[1], c[2], c[3], c[4], rand.New(rand.NewSource(int64(i))).Intn(4) == 0}
}

func (p polling) String() string {
	return fmt.Sprintf("%s/%s/%s/%s/%s", p.clock.name, p.exit.name, p.policy.name, p.effect.name, p.origin.name)
}

// max is the strongest tier that any of the choices allows.
func (p polling) max() finding.Tier {
	tier := finding.Collapse
	for _, c := range []choice{p.clock, p.exit, p.policy, p.effect, p.origin} {
		tier = min(tier, c.max)
	}
	// A context that ends while the default case sleeps meets the next try, not the select.
	if leaves := p.policy.name != "retried" && p.policy.name != "returned"; leaves && p.clock.name == "default" {
		tier = min(tier, finding.Gate)
	}
	return tier
}

// mayHide reports whether the function tries through another one, goes on whatever comes
// of it, and waits for a channel that is no clock: so does one that serves requests.
func (p polling) mayHide() bool {
	endless := p.exit.name == "loops" || p.exit.name == "holds"
	timeless := p.clock.name == "none" || p.clock.name == "context-only" || p.clock.name == "held-only"
	return p.origin.name == "wrapper" && endless && timeless && p.effect.name == "sends"
}

// source is a file with the function. It is laid out as gofmt would not, here and there:
// what is not rewritten has to stay so.
func (p polling) source() string {
	t := map[string]string{}
	for _, c := range []choice{p.clock, p.exit, p.policy, p.effect, p.origin} {
		for place, text := range c.text {
			t[place] = text
		}
	}
	if t["won"] == "break" {
		switch {
		case t["goto"] != "":
			t["won"] = "return nil" // there is nothing to break
		case t["select"] != "":
			t["won"], t["label"] = "break wait", "wait:\n"
		}
	}
	var b strings.Builder
	b.WriteString(`// Package p polls.
package p

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

var errBusy = concurrency.ErrLocked

var decoyShared   =   struct{ x int } { 1 }   // stays as it is

var shared struct{ ticker *time.Ticker }

func decoyFirst( )  { fmt.Println( decoyShared,errors.New("x") ) }

` + t["decls"] + `

/* between */ func work() {}

func pause(d time.Duration) { time.Sleep(d) }

func tolerate(err error) {
	if err != nil && err != concurrency.ErrLocked {
		log.Fatal(err)
	}
}

`)
	body := strings.Join(nonEmpty(
		"held, n := false, 0",
		t["setup"],
		t["before"],
		t["label"]+t["head"],
		t["first"],
		"// try",
		"err := MU.TryLock(ctx)",
		"if err == nil {\n"+t["won"]+"\n}",
		t["policy"],
		t["effect"],
		t["wait"],
		t["close"],
		t["after"],
		"_, _ = held, n",
		"return nil",
	), "\n")
	fmt.Fprintf(&b, "// poll waits.\nfunc poll(ctx context.Context, d time.Duration, ticks <-chan time.Time, beats chan int, %s) error {\n%s\n}\n\n%s\n\n",
		t["params"], indented(strings.ReplaceAll(body, "MU", t["mutex"])), t["more"])
	fmt.Fprintf(&b, "func run(ctx context.Context, s *concurrency.Session) error {\n\treturn poll(ctx, time.Second, nil, nil, %s)\n}\n\nfunc   decoyLast(){log.Print(errBusy)}  // the end\n", t["args"])
	text := b.String()
	if p.crlf {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}

func nonEmpty(lines ...string) (out []string) {
	for _, l := range lines {
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

// indented indents statements by their braces.
func indented(text string) string {
	depth, out := 1, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := depth
		if strings.HasPrefix(line, "}") || strings.HasPrefix(line, "case ") || line == "default:" || strings.HasSuffix(line, ":") && !strings.Contains(line, " ") {
			at--
		}
		depth += strings.Count(line, "{") - strings.Count(line, "}")
		if line != "" {
			out += strings.Repeat("\t", at) + line + "\n"
		}
	}
	return strings.TrimSuffix(out, "\n")
}
