// Command vendored locks, with a deadline.
package main

import (
	"context"
	"time"

	"github.com/coreos/etcd/clientv3"
	"github.com/coreos/etcd/clientv3/concurrency"
)

func main() {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"127.0.0.1:2379"}})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	session, err := concurrency.NewSession(client)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := concurrency.NewMutex(session, "/lock").Lock(ctx); err != nil {
		panic(err)
	}
}
