// Storm is a replica that stands by for an etcd lock as the published fix for polling
// does: it watches the lock's name and tries again on any event.
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

var lockName = "/storm/active"

func main() {
	endpoints := flag.String("endpoints", "127.0.0.1:2379", "etcd endpoints, separated by commas")
	flag.Parse()
	if err := run(strings.Split(*endpoints, ",")); err != nil {
		log.Fatalf("storm: %v", err)
	}
}

func run(endpoints []string) error {
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

	active := concurrency.NewMutex(session, lockName)
	if err := active.TryLock(ctx); err == nil {
		fmt.Println("active at once")
	} else {
		fmt.Println("standing by")
		if err := awaitLock(ctx, client, active); err != nil {
			return err
		}
		fmt.Println("active after waiting")
	}
	<-ctx.Done()

	release, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return active.Unlock(release)
}

func awaitLock(ctx context.Context, client *clientv3.Client, active *concurrency.Mutex) (err error) {
	events := client.Watch(ctx, lockName, clientv3.WithPrefix())

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-events:
			if err = active.TryLock(ctx); err == nil {
				return nil
			}
		}
	}
}
