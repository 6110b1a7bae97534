// Package faults_test proves that the generated helper stays a lock, and that nobody
// waits for ever, whatever servers, network, leases and clients do.
//
// A run has candidates that wait in all the ways there are, a nemesis that injects
// faults at random moments, and an observer that keeps what the server did. The
// history must fit two models (model_test.go). Mutual exclusion is that of ownership
// intervals: from the revision at which a key is the oldest below the prefix to the one
// that deletes it. What candidates believe may overlap, in etcd itself, where a lease
// expires before its client knows, and where a lost request to delete a key arrives
// after the same session has created it again (etcd#22082). The models permit these
// two, of the tenure they end, and nothing else.
//
// The quick form is the default. ETCDMOD_E2E_LONG=1 goes on for minutes.
// ETCDMOD_E2E_SEED repeats the choices of a run, though not its timing.
package faults_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/v3/concurrency"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// root is what the observer watches. It holds the keys of the lock, a marker for
	// each session, which ends with its lease, and the end of the history.
	root    = "faults/"
	prefix  = root + "lock"
	markers = root + "sessions/"
	end     = root + "end"

	// slowInterval and firstPause are those of the helper.
	slowInterval = 5 * time.Second
	firstPause   = 100 * time.Millisecond
	// margin is added to bounds, for a loaded machine. They only have to tell what comes from
	// what does not.
	margin = time.Minute
)

var long = os.Getenv("ETCDMOD_E2E_LONG") != ""

// TestMain lets more tests run at once than there are processors: they wait for their
// servers most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// random returns the source of a run's choices, and prints how to repeat them.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("ETCDMOD_E2E_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ETCDMOD_E2E_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// between returns a duration from min to max.
func between(r *rand.Rand, min, max time.Duration) time.Duration {
	return min + time.Duration(r.Int64N(int64(max-min)+1))
}

// named reports whether a caller can tell the error with errors.Is. Those of rpctypes
// are values: each EtcdError equals the variable that it is named by.
//
// Two of the client's own pass, which it hands on as they came, and status.Code can
// tell: a connection that broke under a request that must not be repeated, and a
// proposal that a leader dropped while it handed over.
func named(err error) bool {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded,
		concurrency.ErrLocked, concurrency.ErrSessionExpired} {
		if errors.Is(err, known) {
			return true
		}
	}
	var server rpctypes.EtcdError
	return errors.As(err, &server) || status.Code(err) == codes.Unavailable ||
		status.Convert(err).Message() == "raft proposal dropped"
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
