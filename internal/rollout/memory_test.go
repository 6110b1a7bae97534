package rollout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"etcdmod/internal/pipeline"
)

// A budget admits as many modules as there is memory for, by what they were seen to take, and
// always one.
func TestBudget(t *testing.T) {
	for _, tc := range []struct {
		limit, own, children uint64 // children: while one module is admitted
		want                 int
	}{
		{0, 1 << 40, 1 << 40, 8},
		{2 << 30, 0, 0, 4}, // as many as are guessed to fit
		{2 << 30, 1, 0, 3}, // this process needs memory as well
		{2 << 30, 0, 1 << 30, 2},
		{2 << 30, 0, 4 << 30, 1},
		{1, 100 << 20, 1 << 30, 1},
	} {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBudget(tc.limit)
				b.measure = func() (uint64, uint64) { return tc.own, tc.children }
				if err := b.admit(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.sample()
				for range 7 {
					go b.admit(t.Context())
				}
				synctest.Wait()
				if b.running != tc.want || b.usage.Together != tc.want {
					t.Errorf("%d are admitted, want %d", b.running, tc.want)
				}
				for range 7 { // each that ends makes room for one
					b.release()
					synctest.Wait()
				}
				if b.running != 1 || b.usage.Together != tc.want {
					t.Errorf("%d are admitted in the end, %d together, want 1 and %d", b.running, b.usage.Together, tc.want)
				}
			})
		})
	}
}

func TestBudgetInterrupted(t *testing.T) {
	b := newBudget(1)
	if err := b.admit(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.admit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Modules that have nothing to do with etcd do not wait for memory.
func TestMemory(t *testing.T) {
	root := tree(t, map[string][]string{"etcd1": nil, "etcd2": nil, "etcd3": nil, "plain1": nil, "plain2": nil})
	for _, name := range []string{"etcd1", "etcd2", "etcd3"} {
		if err := os.WriteFile(root+"/"+name+"/go.sum", []byte("go.etcd.io/etcd/client/v3 v3.5.21 h1:x=\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	plain := make(chan struct{}, 2)
	s := steps{run: func(_ context.Context, o pipeline.Options) (*pipeline.Result, error) {
		if o.Dir == root+"/plain1" || o.Dir == root+"/plain2" {
			plain <- struct{}{}
			return result(o.Dir), nil
		}
		if o.Dir == root+"/etcd1" { // the others wait; these go on
			<-plain
			<-plain
		}
		return result(o.Dir), nil
	}}
	var usage Usage
	index, err := start(t.Context(), Options{Root: root, By: ByModule, Jobs: 5, Memory: 1, Usage: &usage}, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range index.Modules {
		if m.Failure != nil {
			t.Errorf("%s: %s", m.Dir, m.Failure.Message)
		}
	}
	if usage.Together != 1 {
		t.Errorf("%d were worked at together, want 1", usage.Together)
	}
}

// The memory of a child of a child counts.
func TestMeasureMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of other processes is not known here")
	}
	own, before := measureMemory()
	if own < 1<<20 {
		t.Errorf("this process has %d bytes", own)
	}
	cmd := exec.Command("sh", "-c", `(x=$(head -c 50000000 /dev/zero | tr '\0' x); read y); :`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		cmd.Wait()
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, children := measureMemory(); children > before+40<<20 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the memory of a grandchild is not seen")
		}
	}
}
