// Command pertry runs a job for each of ten keys at every tick, in the replica that gets the
// lock of the key.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"example.com/pertry/lock"
)

func main() {
	endpoints := flag.String("endpoints", "127.0.0.1:2379", "endpoints of etcd")
	hold := flag.Duration("hold", time.Second, "how long a job takes")
	flag.Parse()
	client, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(*endpoints, ",")})
	if err != nil {
		log.Fatal(err)
	}
	run(lock.New(client, time.Second), *hold)
}

func run(locker lock.Locker, hold time.Duration) {
	ticker := time.NewTicker(time.Second)
	for range ticker.C {
		for _, id := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} {
			go func(id string) {
				unlock, err := locker.Trylock(context.TODO(), "/pertry/"+id)
				if err != nil {
					if err == context.DeadlineExceeded {
						fmt.Println("held")
					} else {
						fmt.Println("failed:", err)
					}
					return
				}
				fmt.Println("won", id)
				time.Sleep(hold)
				unlock()
			}(id)
		}
	}
}
