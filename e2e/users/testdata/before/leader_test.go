package leader

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/mock/gomock"
)

// fakeLock is held by somebody else for so many tries.
type fakeLock struct {
	held  int
	tries int
	err   error
}

func (f *fakeLock) TryLock(context.Context) error {
	f.tries++
	if f.tries <= f.held {
		return concurrency.ErrLocked
	}
	return f.err
}

func (f *fakeLock) Unlock(context.Context) error { return nil }

func TestLeadRetriesAHeldLock(t *testing.T) {
	f := &fakeLock{held: 3}
	if err := NewElector(f, time.Millisecond).Lead(t.Context()); err != nil || f.tries != 4 {
		t.Errorf("%v after %d tries", err, f.tries)
	}
}

func TestLeadGivesUpAtOtherErrors(t *testing.T) {
	broken := errors.New("broken")
	f := &fakeLock{held: 1, err: broken}
	if err := NewElector(f, time.Millisecond).Lead(t.Context()); err != broken || f.tries != 2 {
		t.Errorf("%v after %d tries", err, f.tries)
	}
}

func TestJobSkipsAHeldLock(t *testing.T) {
	job := &Job{Lock: &fakeLock{held: 1}}
	for i, want := range []bool{false, true} {
		if ran, err := job.Run(t.Context(), func() {}); ran != want || err != nil {
			t.Errorf("try %d: %v, %v", i, ran, err)
		}
	}
}

func TestLeadWithAMock(t *testing.T) {
	lock := NewMockTryLocker(gomock.NewController(t))
	gomock.InOrder(
		lock.EXPECT().TryLock(gomock.Any()).Return(concurrency.ErrLocked).Times(2),
		lock.EXPECT().TryLock(gomock.Any()).Return(nil),
	)
	if err := NewElector(lock, time.Millisecond).Lead(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestJobWithAMock(t *testing.T) {
	lock := NewMockLocker(gomock.NewController(t))
	gomock.InOrder(
		lock.EXPECT().TryLock(gomock.Any()).Return(nil),
		lock.EXPECT().Unlock(gomock.Any()).Return(nil),
	)
	if ran, err := (&Job{Lock: lock}).Run(t.Context(), func() {}); !ran || err != nil {
		t.Errorf("%v, %v", ran, err)
	}
}

// session needs a server, whose address the environment names.
func session(t *testing.T) *concurrency.Session {
	t.Helper()
	endpoints := os.Getenv("ETCD_ENDPOINTS")
	if endpoints == "" {
		t.Skip("no ETCD_ENDPOINTS")
	}
	cli, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(endpoints, ","), DialTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cli.Close() })
	s, err := concurrency.NewSession(cli)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestErrLockedIsComparedOnAServer(t *testing.T) {
	ctx := t.Context()
	first, second := NewStandby(session(t), t.Name()), NewStandby(session(t), t.Name())
	steps := []struct {
		name string
		try  func() (bool, error)
		want bool
	}{
		{"first", func() (bool, error) { return first.Try(ctx) }, true},
		{"first again", func() (bool, error) { return first.Try(ctx) }, true},
		{"second", func() (bool, error) { return second.Try(ctx) }, false},
		{"second again", func() (bool, error) { return second.Try(ctx) }, false},
		{"first stops", func() (bool, error) { return true, first.Stop(ctx) }, true},
		{"second", func() (bool, error) { return second.Try(ctx) }, true},
		{"second waits", func() (bool, error) { return true, second.Wait(ctx) }, true},
	}
	for _, s := range steps {
		if got, err := s.try(); got != s.want || err != nil {
			t.Errorf("%s: %v, %v", s.name, got, err)
		}
	}
}

func TestErrLockedIsComparedThroughTheInterface(t *testing.T) {
	const name = "job"
	first, second := JobForSession(session(t), name), JobForSession(session(t), name)
	var inner bool
	ran, err := first.Run(t.Context(), func() {
		var err error
		if inner, err = second.Run(t.Context(), func() {}); err != nil {
			t.Error(err)
		}
	})
	if !ran || inner || err != nil {
		t.Errorf("first ran: %v, %v; second ran beside it: %v", ran, err, inner)
	}
}

func TestLeadTakesOver(t *testing.T) {
	holder := NewStandby(session(t), t.Name())
	if ok, err := holder.Try(t.Context()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = holder.Stop(context.Background()) })
	if err := ForSession(session(t), t.Name(), 10*time.Millisecond).Lead(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLeadEndsWithItsContext(t *testing.T) {
	holder := NewStandby(session(t), t.Name())
	if ok, err := holder.Try(t.Context()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := ForSession(session(t), t.Name(), 10*time.Millisecond).Lead(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := NewStandby(session(t), t.Name()).Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
