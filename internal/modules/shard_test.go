package modules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each module is in one shard, those that are tied are together, and none has much more to
// do than the others.
func TestShard(t *testing.T) {
	var archive strings.Builder
	for i := range 40 {
		fmt.Fprintf(&archive, "-- m%02d/go.mod --\nmodule example.com/m%02d\n", i, i)
		switch {
		case i%10 == 3:
			fmt.Fprintln(&archive, "require go.etcd.io/etcd/client/v3 v3.5.21")
		case i == 7:
			fmt.Fprintln(&archive, "replace example.com/m30 => ../m30")
		case i == 30:
			fmt.Fprintln(&archive, "replace example.com/m31 => ../m31")
		}
	}
	tree := find(t, extract(t, archive.String()), Options{})
	for _, count := range []int{1, 2, 3, 4, 50} {
		seen := map[string]int{}
		for index := 1; index <= count; index++ {
			part := tree.Shard(index, count)
			if d := cmp.Diff(part.all(), tree.Shard(index, count).all()); d != "" {
				t.Errorf("%d/%d again:\n%s", index, count, d)
			}
			cost := 0
			for i, m := range part.Modules {
				seen[m.Dir]++
				cost += part.cost(i)
				want := map[string][]string{"m07": {"m30"}, "m30": {"m31"}}[m.Dir]
				if d := cmp.Diff(want, part.dirs(m.Deps...), cmp.Transformer("len0", func(s []string) string { return strings.Join(s, " ") })); d != "" {
					t.Errorf("%d/%d: %s: deps -want +got:\n%s", index, count, m.Dir, d)
				}
			}
			if count == 2 || count == 4 { // four that are dear
				if want := (4*dear + 36) / count; cost < want-3 || cost > want+3 {
					t.Errorf("%d/%d costs %d, want about %d", index, count, cost, want)
				}
			}
			if dirs := part.all(); slices.Contains(dirs, "m07") != slices.Contains(dirs, "m31") {
				t.Errorf("%d/%d parts what is tied: %v", index, count, dirs)
			}
		}
		for _, m := range tree.Modules {
			if seen[m.Dir] != 1 {
				t.Errorf("of %d shards, %d have %s", count, seen[m.Dir], m.Dir)
			}
		}
	}
}
