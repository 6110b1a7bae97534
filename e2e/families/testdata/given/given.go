// Package given is what the programs of the families are given: a session, and a client that asks
// before each question about a lock.
package given

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"google.golang.org/grpc"
)

var (
	mu       sync.Mutex
	permits  = map[string]chan struct{}{}
	clients  = map[string]*clientv3.Client{}
	sessions = map[string]*concurrency.Session{}
)

// Client is the client of a program, by its name.
func Client(name string) *clientv3.Client {
	mu.Lock()
	defer mu.Unlock()
	if clients[name] != nil {
		return clients[name]
	}
	permit := make(chan struct{})
	cli, err := clientv3.New(clientv3.Config{
		Endpoints: strings.Split(os.Getenv("ETCD_ENDPOINTS"), ","),
		DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if key := question(req); key != "" {
				fmt.Println(name, key)
				select {
				case <-permit:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return invoke(ctx, method, req, reply, cc, opts...)
		})},
	})
	if err != nil {
		log.Fatal(err)
	}
	clients[name], permits[name] = cli, permit
	return cli
}

// Session is a session of that client, which no restart of the program ends.
func Session(name string) *concurrency.Session {
	cli := Client(name)
	mu.Lock()
	defer mu.Unlock()
	if sessions[name] == nil {
		s, err := concurrency.NewSession(cli)
		if err != nil {
			log.Fatal(err)
		}
		sessions[name] = s
	}
	return sessions[name]
}

// Jobs is a job.
func Jobs() <-chan func() {
	jobs := make(chan func(), 1)
	jobs <- func() {}
	return jobs
}

// question is the key that a request asks about.
func question(req any) (key string) {
	switch r := req.(type) {
	case *pb.RangeRequest:
		return string(r.Key)
	case *pb.TxnRequest:
		for _, op := range append(r.Success, r.Failure...) {
			if get := op.GetRequestRange(); get != nil && key == "" {
				key = string(get.Key)
			}
			if put := op.GetRequestPut(); put != nil {
				key = string(put.Key)
			}
			if gone := op.GetRequestDeleteRange(); gone != nil {
				return "" // what gives a lock back is no question
			}
		}
	}
	return key
}

// Run runs the programs that it reads the names of, again when they end, and lets their questions pass.
func Run(programs map[string]func()) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		verb, name, _ := strings.Cut(lines.Text(), " ")
		switch {
		case verb == "start" && programs[name] != nil:
			go programs[name]()
		case verb == "pass":
			mu.Lock()
			permit := permits[name]
			mu.Unlock()
			permit <- struct{}{}
		default:
			log.Fatalf("got %q", lines.Text())
		}
	}
}
