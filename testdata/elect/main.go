// Command elect stands for an election again and again, each time for a second, and says what came
// of it. The one that leads does so until it is told to resign, by a line on its standard input.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// A member is one of those who stand.
type member struct {
	client   *clientv3.Client
	session  *concurrency.Session
	election *concurrency.Election
	name     string
}

// join makes a session, and the election of it.
func (m *member) join() error {
	session, err := concurrency.NewSession(m.client, concurrency.WithTTL(30))
	if err != nil {
		return err
	}
	m.session = session
	m.election = concurrency.NewElection(session, "/elect/leader")
	return nil
}

func (m *member) campaign() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return m.election.Campaign(ctx, m.name)
}

func (m *member) run(resign <-chan string) {
	for {
		switch err := m.campaign(); {
		case err == nil:
			fmt.Println("leads", m.election.Rev())
			<-resign
			if err := m.election.Resign(context.Background()); err != nil {
				log.Fatal(err)
			}
			fmt.Println("resigned")
		case errors.Is(err, context.DeadlineExceeded):
			fmt.Println("follows")
		default:
			fmt.Println("failed:", err)
			if err := m.join(); err != nil {
				log.Print(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func main() {
	endpoints := flag.String("endpoints", "127.0.0.1:2379", "endpoints of etcd")
	name := flag.String("name", "member", "what it is called")
	flag.Parse()
	client, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(*endpoints, ",")})
	if err != nil {
		log.Fatal(err)
	}
	m := &member{client: client, name: *name}
	if err := m.join(); err != nil {
		log.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			lines <- s.Text()
		}
	}()
	m.run(lines)
}
