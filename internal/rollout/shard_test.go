package rollout

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/pipeline"
)

func TestParseShard(t *testing.T) {
	gitlab := map[string]string{"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "4", "JOB_COMPLETION_INDEX": "7"}
	kubernetes := map[string]string{"JOB_COMPLETION_INDEX": "0"}
	for _, c := range []struct {
		text string
		env  map[string]string
		want Shard // the zero value where there is an error
	}{
		{"1/1", nil, Shard{1, 1}},
		{"4/4", gitlab, Shard{4, 4}},
		{"auto", gitlab, Shard{2, 4}},
		{"auto/3", gitlab, Shard{2, 3}},
		{"auto/8", kubernetes, Shard{1, 8}},
		{"auto", kubernetes, Shard{}},
		{"auto", nil, Shard{}},
		{"auto/2", map[string]string{"CI_NODE_INDEX": "x"}, Shard{}},
		{"auto/2", map[string]string{"JOB_COMPLETION_INDEX": "2"}, Shard{}},
		{"0/4", nil, Shard{}},
		{"5/4", nil, Shard{}},
		{"2", nil, Shard{}},
		{"a/b", nil, Shard{}},
		{"", nil, Shard{}},
	} {
		got, err := ParseShard(c.text, func(key string) string { return c.env[key] })
		if got != c.want || (err == nil) != (c.want != Shard{}) {
			t.Errorf("%q with %v: %v, %v; want %v", c.text, c.env, got, err, c.want)
		}
	}
}

// The shards of a tree have what one run has, module by module.
func TestShards(t *testing.T) {
	root := tree(t, map[string][]string{"a": {"b"}, "b": nil, "c": nil, "d": nil, "e": nil})
	var mu sync.Mutex
	var ran []string
	s := steps{run: func(_ context.Context, o pipeline.Options) (*pipeline.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		ran = append(ran, filepath.Base(o.Dir))
		return result(o.Dir, "x.go"), nil
	}}
	one, err := start(t.Context(), Options{Root: root, By: ByModule}, s)
	if err != nil {
		t.Fatal(err)
	}
	ran = nil
	var modules []Module
	for i := 1; i <= 3; i++ {
		x, err := start(t.Context(), Options{Root: root, By: ByModule, Shard: Shard{i, 3}}, s)
		if err != nil {
			t.Fatal(err)
		}
		if x.Shard != (Shard{i, 3}) {
			t.Errorf("the index says %v", x.Shard)
		}
		modules = append(modules, x.Modules...)
	}
	slices.Sort(ran)
	if d := cmp.Diff([]string{"a", "b", "c", "d", "e"}, ran); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	slices.SortFunc(modules, func(a, b Module) int { return strings.Compare(a.Dir, b.Dir) })
	for _, list := range [][]Module{modules, one.Modules} {
		for i := range list {
			list[i].Seconds = 0
		}
	}
	if d := cmp.Diff(one.Modules, modules); d != "" {
		t.Errorf("-one run +shards:\n%s", d)
	}
}
