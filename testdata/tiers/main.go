// Tiers has loops that cannot be replaced as a whole: one that reports every round, and
// one that does a job whenever it gets the lock.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// A worker wants the lock.
type worker struct {
	active   *concurrency.Mutex
	interval time.Duration
}

func main() {
	endpoints := flag.String("endpoints", "127.0.0.1:2379", "etcd endpoints, separated by commas")
	interval := flag.Duration("interval", time.Second, "how often to try")
	mode := flag.String("mode", "report", "report, hold or job")
	flag.Parse()
	if err := run(strings.Split(*endpoints, ","), *interval, *mode); err != nil {
		log.Fatalf("tiers: %v", err)
	}
}

func run(endpoints []string, interval time.Duration, mode string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := concurrency.NewSession(client, concurrency.WithTTL(5))
	if err != nil {
		return err
	}
	defer session.Close()

	w := &worker{active: concurrency.NewMutex(session, "/tiers/active"), interval: interval}
	if mode == "job" {
		return w.jobs(ctx)
	}
	if err := w.acquire(ctx); err != nil {
		return err
	}
	fmt.Println("active")
	<-ctx.Done()
	release, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return w.active.Unlock(release)
}

// acquire reports every round that did not get the lock, so its pace matters.
func (w *worker) acquire(ctx context.Context) error {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		err := w.active.TryLock(ctx)
		if err == nil {
			return nil
		}
		fmt.Println("not active:", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// jobs does one job per interval, on whichever replica gets the lock first.
func (w *worker) jobs(ctx context.Context) error {
	for range time.Tick(w.interval) {
		if err := w.active.TryLock(ctx); err != nil {
			if errors.Is(err, concurrency.ErrLocked) {
				fmt.Println("skipped")
				continue
			}
			return err
		}
		fmt.Println("did the job")
		if err := w.active.Unlock(ctx); err != nil {
			return err
		}
	}
	return nil
}
