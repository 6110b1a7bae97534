package helper_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"etcdmod/internal/helper"
)

// TestQueues runs the calls that give up, and what is generated in their place, beside queuers, in virtual
// time: see testdata/queues. The store is that of the simulation of loops, with calls that take time.
func TestQueues(t *testing.T) {
	t.Parallel()
	report, err := queues(t, "TestTimedCallsBesideQueuers", "", "", "")
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	t.Log(report)
}

// TestQueuesRejectBrokenHelpers takes one thing away at a time, and that is seen.
func TestQueuesRejectBrokenHelpers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, run, file, old, new string }{
		{"never queues", "/Lock/one_among", helper.WithinFile, `v.holder == met, met != "" && v.keys > 1:`, "v.holder == met:"},
		{"queues at once", "/Lock/the_lead", helper.WithinFile, "v.own > 0, v.holder == met,", "v.own > 0, v.keys > 0, v.holder == met,"},
		{"does not look again once it watches", "/(Lock|session)/beside", helper.WatchFile, "if unread = true; timer.Stop() {", "if unread = true; false {"},
		{"keeps the lease of a try", "/session/beside", helper.SessionFile, "return made.Close()", "return nil"},
		{"grants at once", "/session/the_lead", helper.SessionFile, "	return s, nil\n}", "	_, err := client.Grant(client.Ctx(), 10)\n	return s, err\n}"},
		{"campaigns never in the queue", "/Campaign/one_among", helper.ElectionFile, `met != "" && now.Count > 1, `, ""},
		{"campaigns at once", "/Campaign/the_lead", helper.ElectionFile, "case err != nil, string", "case err != nil || now.Count > 0, string"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if report, err := queues(t, "TestTimedCallsBesideQueuers"+tc.run, tc.file, tc.old, tc.new); err == nil || !regexp.MustCompile("with the client's calls|are left").MatchString(report) {
				t.Errorf("%v\n%s", err, report)
			}
		})
	}
}

// TestTransactions runs programs that create a key if it is missing, with the client's transaction and then with
// what is generated in its place, in virtual time: see testdata/queues.
func TestTransactions(t *testing.T) {
	t.Parallel()
	report, err := queues(t, "TestTransactions", "", "", "")
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	t.Log(report)
}

// TestTransactionsRejectBrokenHelpers takes one thing away at a time, and each run says what is wrong then.
func TestTransactionsRejectBrokenHelpers(t *testing.T) {
	t.Parallel()
	const refused = "if err != nil || !resp.Succeeded {"
	for _, tc := range []struct{ name, run, old, new, want string }{
		{"takes the read for the win", "/a_replica", refused, "if true {", "it has not created the key"},
		{"writes whatever is there", "/twenty", "t.cmps, t.whole = cs, t.whole.If(cs...)", "t.cmps = cs", "it has not created the key|[2-9] holders"},
		{"never reads first", "/the_lead", "if len(t.cmps) > 0 {", "if false {", "it has written in vain"},
		{"asks a member alone", "/faults", "Then(get)", "Then([]clientv3.Op{get}[:0]...)", "what the store never had"},
		{"reads for the first comparison alone", "/the_lead", "If(t.cmps...)", "If(t.cmps[0])", "it has written in vain"},
		{"writes after a read that failed", "/faults", refused, "if err == nil && !resp.Succeeded {", "it has (written in vain|called too often)"},
		{"does not read what Else reads", "/the_lead", "Else(t.elses...)", "Else()", "what the store never had"},
		{"forgets Else where it comes late", "/twenty", "t.elses, t.whole = ops, t.whole.Else(ops...)", "t.elses = ops", "what the store never had"},
		{"forgets Then", "/a_replica", "t.whole = t.whole.Then(ops...)", "_ = ops", "it has not created the key"},
		{"tries again after an error", "/faults", "return t.whole.Commit()", "if resp, err := t.whole.Commit(); err == nil {\n\t\treturn resp, nil\n\t}\n\treturn t.whole.Commit()", "of itself"},
		{"asks beyond its context", "/faults", "t.kv.Txn(t.ctx).If", "t.kv.Txn(context.WithoutCancel(t.ctx)).If", "its context was over"},
		{"writes beyond its context", "/faults", "whole: kv.Txn(ctx)}", "whole: kv.Txn(context.WithoutCancel(ctx))}", "its context was over"},
		{"has errors of its own", "/faults", "return resp, err\n\t\t}\n\t}", "if err != nil {\n\t\t\t\treturn nil, context.Canceled\n\t\t\t}\n\t\t\treturn resp, err\n\t\t}\n\t}", "no such error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if report, err := queues(t, "TestTransactions"+tc.run, helper.TxnFile, tc.old, tc.new); err == nil || !regexp.MustCompile(tc.want).MatchString(report) {
				t.Errorf("%v\n%s", err, report)
			}
		})
	}
}

// queues runs those whose names match, with a helper in a file of which new stands for old.
func queues(t *testing.T, run, file, old, new string) (report string, err error) {
	t.Helper()
	dir := t.TempDir()
	for _, from := range []string{"../../rewrite/testdata/simulation", "testdata/queues"} {
		if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "sim")); err != nil {
		t.Fatal(err)
	}
	files, err := helper.Generate(helper.Config{
		Package: "etcdlock", Concurrency: "go.etcd.io/etcd/client/v3/concurrency", Version: "test",
		Parts: helper.Within | helper.Session | helper.Election | helper.Txn,
	})
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, helper.DefaultDir)
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if name == file {
			if strings.Count(string(text), old) != 1 {
				t.Fatalf("%s has %q not once", name, old)
			}
			text = []byte(strings.Replace(string(text), old, new, 1))
		}
		if err := os.WriteFile(filepath.Join(at, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-vet=off", "-count=1", "-v", "-run="+run, "-timeout=2m", "./queues")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(regexp.MustCompile(`(?m)^\s*(=== RUN|--- PASS).*\n`).ReplaceAllString(string(out), "")), err
}
