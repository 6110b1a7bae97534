package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/schollz/progressbar/v3"

	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
)

// A rollout on a terminal has a bar with counts; elsewhere, and with -v, lines.
func TestRolloutBar(t *testing.T) {
	events := []rollout.Event{
		{Module: &rollout.Module{Dir: "a", State: report.Clean}},
		{Module: &rollout.Module{Dir: "b", State: report.Failed, Failure: &rollout.Failure{Kind: rollout.FailedPanic, Message: "panic: x\nstack"}}},
		{Module: &rollout.Module{Dir: "c", State: report.Changed, Findings: make([]rollout.Finding, 2), Units: make([]rollout.Unit, 1)}},
	}
	for _, c := range []struct {
		name     string
		all, bar bool
		want     []string
		not      []string
	}{
		{name: "lines", want: []string{"etcdmod: [2/3] b: failed: panic: panic: x\n", "etcdmod: [3/3] c: changed: findings 2, changes to review 1\n"}, not: []string{"a: clean", "stack"}},
		{name: "all lines", all: true, want: []string{"etcdmod: [1/3] a: clean\n", "[2/3]", "[3/3]"}},
		{name: "bar", bar: true, want: []string{"(0/3)"}, not: []string{"etcdmod:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			b := &rolloutBar{out: &out, all: c.all}
			if c.bar {
				b.start = func(total int) *progressbar.ProgressBar { return newBar(&out, total) }
			}
			for i, e := range events {
				e.Done, e.Total = i+1, len(events)
				b.event(e)
			}
			if c.bar {
				// It is drawn no more often than a person can look, and cleared at the end.
				if got := b.bar.State(); got.CurrentNum != 3 || got.Description != "1 changed, 1 failed" {
					t.Errorf("the bar says %d, %q", got.CurrentNum, got.Description)
				}
			}
			b.end()
			for _, s := range c.want {
				if !strings.Contains(out.String(), s) {
					t.Errorf("no %q in %q", s, &out)
				}
			}
			for _, s := range c.not {
				if strings.Contains(out.String(), s) {
					t.Errorf("%q in %q", s, &out)
				}
			}
		})
	}
}

// What became of the modules, as an exit code.
func TestRolloutOutcome(t *testing.T) {
	of := func(states ...report.State) *rollout.Index {
		x := &rollout.Index{}
		for _, s := range states {
			x.Modules = append(x.Modules, rollout.Module{State: s, Incomplete: s == report.Failed || s == report.Uncovered || s == report.Rejected})
		}
		return x
	}
	sharded := of()
	sharded.Shard = rollout.Shard{Index: 4, Count: 4}
	for _, c := range []struct {
		index *rollout.Index
		want  int
	}{
		{of(), ExitUsage},
		{sharded, ExitOK},
		{of(report.Clean), ExitOK},
		{of(report.Clean, report.Reported), ExitFindings},
		{of(report.Clean, report.Changed), ExitFindings},
		{of(report.Changed, report.Failed), ExitIncomplete},
		{of(report.Clean, report.Uncovered), ExitIncomplete},
		{of(report.Changed, report.Rejected), ExitIncomplete},
		{of(report.Clean, report.Rejected), ExitFailed},
		{of(report.Failed, report.Failed), ExitUsage},
	} {
		code := ExitOK
		if e, ok := rolloutOutcome(c.index).(*exit); ok {
			code = e.code
		}
		if code != c.want {
			t.Errorf("%+v: exit code %d, want %d", c.index.Modules, code, c.want)
		}
	}
}
