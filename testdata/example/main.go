// Standby runs as one of several replicas of which one is active. The active one holds
// an etcd lock; the others stand by until it is gone.
package main

import (
	"context"
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

// ttl is how long, in seconds, the lock outlives an active replica that has died.
var ttl = 5

var (
	endpoints = flag.String("endpoints", "127.0.0.1:2379", "etcd endpoints, separated by commas")
	lockName  = flag.String("lock", "/standby/active", "name of the lock")
)

func main() {
	flag.IntVar(&ttl, "ttl", ttl, "seconds that the lock outlives its holder")
	flag.Parse()
	if err := run(); err != nil {
		log.Fatalf("standby: %v", err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	client, err := clientv3.New(clientv3.Config{
		Endpoints:   strings.Split(*endpoints, ","),
		DialTimeout: 5 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("connect to etcd: %w", err)
	}
	defer client.Close()

	session, err := concurrency.NewSession(client, concurrency.WithTTL(ttl))
	if err != nil {
		return fmt.Errorf("create a session: %w", err)
	}
	defer session.Close()

	active := concurrency.NewMutex(session, *lockName)
	if err := active.TryLock(ctx); err == nil {
		fmt.Println("active at once")
	} else {
		fmt.Println("standing by")
		if err := awaitLock(ctx, active); err != nil {
			return fmt.Errorf("wait for the lock: %w", err)
		}
		fmt.Println("active after waiting")
	}

	// Here the service would do its work.
	<-ctx.Done()

	release, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := active.Unlock(release); err != nil {
		return fmt.Errorf("give up the lock: %w", err)
	}
	fmt.Println("released")
	return nil
}
