package rollout_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/rollout"
)

// merged divides a rollout among four machines and checks that their results make the one
// that it had, reports included.
func merged(t *testing.T, one *rollout.Index, opts rollout.Options) {
	t.Helper()
	want := files(t, opts.Out)
	var shards []string
	for i := range 4 {
		part := opts
		part.Shard = rollout.Shard{Index: i + 1, Count: 4}
		part.Out = filepath.Join(t.TempDir(), fmt.Sprint(i+1))
		index, err := rollout.Run(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(index.Modules); n == 0 || n == len(one.Modules) {
			t.Errorf("shard %s has %d modules of %d", part.Shard, n, len(one.Modules))
		}
		shards = append(shards, part.Out)
	}
	rand.Shuffle(4, func(i, j int) { shards[i], shards[j] = shards[j], shards[i] })
	out := filepath.Join(t.TempDir(), "whole")
	index, took, err := rollout.Merge(out, shards)
	if err != nil {
		t.Fatal(err)
	}
	written(t, index, out) // as reports has done for the whole
	got := files(t, out)
	if got[rollout.TimesFile] == "" || took <= 0 {
		t.Errorf("took %v: %q", took, got[rollout.TimesFile])
	}
	delete(want, rollout.TimesFile)
	delete(got, rollout.TimesFile)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-one run +merged:\n%s", d)
	}
	var a, b bytes.Buffer
	if err := one.Summary(&a, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := index.Summary(&b, time.Second); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a.String(), b.String()); d != "" {
		t.Errorf("summary: -one run +merged:\n%s", d)
	}
}
