package rollout_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"etcdmod/internal/pipeline"
	"etcdmod/internal/rollout"
	"etcdmod/internal/rollout/synthetic"
	"etcdmod/rewrite"
)

// BenchmarkClean is the cost of modules that have nothing to do with etcd.
func BenchmarkClean(b *testing.B) {
	for _, modules := range []int{1000, 5000} {
		b.Run(fmt.Sprint(modules), func(b *testing.B) { benchmark(b, synthetic.Config{Modules: modules, Seed: 1}) })
	}
}

// BenchmarkAffected has 3 modules in a hundred that poll.
func BenchmarkAffected(b *testing.B) {
	b.Run("1000", func(b *testing.B) { benchmark(b, synthetic.Config{Modules: 1000, Affected: 0.03, Seed: 1}) })
}

func benchmark(b *testing.B, c synthetic.Config) {
	env := environment(b)
	root, _ := generate(b, env, c)
	peak := uint64(0)
	for b.Loop() {
		_, err := rollout.Run(b.Context(), rollout.Options{
			Root: root, By: rollout.ByDir, Out: b.TempDir(), Timeout: 10 * time.Minute,
			Pipeline: pipeline.Options{Env: env, Tier: rewrite.Collapse, Vet: true},
			Progress: func(rollout.Event) {
				var m runtime.MemStats
				if runtime.ReadMemStats(&m); m.HeapInuse > peak {
					peak = m.HeapInuse
				}
			},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(peak)/(1<<20), "MB-heap")
}
