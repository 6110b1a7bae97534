// Command program waits for locks that others hold, each time with a deadline, and prints
// how many entries the stream table of its etcd client has after every round.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/coreos/etcd/clientv3"
	"github.com/coreos/etcd/clientv3/concurrency"
)

var (
	endpoints = flag.String("endpoints", "", "comma-separated endpoints of etcd")
	cancel    = flag.Bool("cancel", false, "end the waits by cancelling them, without a deadline")
)

const (
	workers = 10
	rounds  = 4
	each    = 5 // waits of a worker in a round
)

func main() {
	flag.Parse()
	holder, client := connect(), connect()
	for w := 0; w < workers; w++ {
		if err := concurrency.NewMutex(session(holder), name(w)).Lock(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
	var waiting []*concurrency.Mutex
	for w := 0; w < workers; w++ {
		waiting = append(waiting, concurrency.NewMutex(session(client), name(w)))
	}
	for round := 0; round < rounds; round++ {
		var wg sync.WaitGroup
		for _, mu := range waiting {
			mu := mu
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := 0; i < each; i++ {
					wait(mu, patience(client))
				}
			}()
		}
		wg.Wait()
		fmt.Println(settled(client))
	}
}

// name keeps apart the locks of several runs: those of a process that ended are held until
// their lease has.
func name(w int) string { return fmt.Sprintf("/locks/%d/%d", os.Getpid(), w) }

func connect() *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(*endpoints, ","), DialTimeout: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func session(client *clientv3.Client) *concurrency.Session {
	s, err := concurrency.NewSession(client)
	if err != nil {
		log.Fatal(err)
	}
	return s
}

// patience is how long a wait must last to come as far as its watch, on a machine that may be
// busy: some round trips, and ample time for the rest.
func patience(client *clientv3.Client) time.Duration {
	began := time.Now()
	if _, err := client.Get(context.Background(), "locks"); err != nil {
		log.Fatal(err)
	}
	return 100*time.Millisecond + 20*time.Since(began)
}

// wait waits for a lock that it does not get. It must come as far as the watch.
func wait(mu *concurrency.Mutex, d time.Duration) {
	ctx, stop := context.WithTimeout(context.Background(), d)
	if *cancel {
		stop()
		ctx, stop = context.WithCancel(context.Background())
		time.AfterFunc(d, stop)
	}
	defer stop()
	if mu.Lock(ctx) == nil {
		log.Fatal("got a lock that another client holds")
	}
}

// settled returns the size of the stream table once it has stopped changing: a stream is
// taken out a moment after its last watch.
func settled(client *clientv3.Client) int {
	streams := reflect.ValueOf(client.Watcher).Elem().FieldByName("streams")
	last, since := -1, time.Now()
	for time.Since(since) < 500*time.Millisecond {
		if n := streams.Len(); n != last {
			last, since = n, time.Now()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return last
}
