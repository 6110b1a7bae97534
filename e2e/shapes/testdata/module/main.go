// Shapes runs candidates of services that poll etcd locks, each in a way that is found in
// real code. It is told what to do on its standard input, in JSON-RPC, and answers on its
// standard output.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
)

var shapes = map[string]func(context.Context, *candidate) error{
	"tickerSelect":       tickerSelect,
	"tickerReturns":      tickerReturns,
	"tickerLogs":         tickerLogs,
	"tickerRange":        tickerRange,
	"tick":               tick,
	"sleepEnd":           sleepEnd,
	"sleepReturns":       sleepReturns,
	"sleepDefault":       sleepDefault,
	"afterSelect":        afterSelect,
	"afterDeadline":      afterDeadline,
	"afterDeadlineComes": afterDeadlineComes,
	"afterVariable":      afterVariable,
	"timerReset":         timerReset,
	"timerRound":         timerRound,
	"timerHelper":        timerHelper,
	"sleepGoto":          sleepGoto,
	"attemptContext":     attemptContext,
	"spinContinue":       spinContinue,
	"spinGoto":           spinGoto,
	"spinDefault":        spinDefault,
	"spinWorker":         spinWorker,
	"spinAttempts":       spinAttempts,
	"watchStorm":         watchStorm,
	"waitUntil":          waitUntil,
	"waitPoll":           waitPoll,
	"waitBackoff":        waitBackoff,
	"cenkaltiRetry":      cenkaltiRetry,
	"avastRetry":         avastRetry,
	"sethvargoRetry":     sethvargoRetry,
	"lestrratContinue":   lestrratContinue,
	"cronJob":            cronJob,
	"wrapError":          wrapError,
	"wrapBool":           wrapBool,
	"wrapContext":        wrapContext,
	"wrapLock":           wrapLock,
	"recursion":          recursion,
	"fromField":          fromField,
	"fromInterface":      fromInterface,
	"fromEmbedding":      fromEmbedding,
	"fromMap":            fromMap,
	"fromChannel":        fromChannel,
	"fromCopy":           fromCopy,
	"fromGeneric":        fromGeneric,
	"fromSlice":          fromSlice,
	"cronFunc":           cronFunc,
	"periodicSkips":      periodicSkips,
	"periodicCall":       periodicCall,
	"periodicJob":        periodicJob,
	"manyKeys":           manyKeys,
	"leaderCheck":        leaderCheck,
	"leaderEnds":         leaderEnds,
	"losersAct":          losersAct,
	"twoConditions":      twoConditions,
	"sessionSwap":        sessionSwap,
	"sessionPerTry":      sessionPerTry,
	"attempts":           attempts,
	"attemptsEndless":    attemptsEndless,
}

func main() {
	d := &Driver{endpoints: strings.Split(os.Getenv("ETCD_ENDPOINTS"), ","), candidates: map[string]*candidate{}}
	log.SetFlags(0) // who started this counts the lines: the loops are gates only where nothing in here does
	if err := rpc.Register(d); err != nil {
		log.Fatal(err)
	}
	rpc.ServeCodec(jsonrpc.NewServerCodec(struct {
		io.Reader
		io.WriteCloser
	}{os.Stdin, os.Stdout}))
}

// A Driver has all candidates of this process.
type Driver struct {
	endpoints []string

	mu         sync.Mutex
	candidates map[string]*candidate // by name
	beats      int
}

// Beat begins to count the rounds of a loop that reads and then waits: what a busy machine
// does to the rounds of candidates, it does to those as well.
func (d *Driver) Beat(every time.Duration, _ *struct{}) error {
	cli, err := clientv3.New(clientv3.Config{Endpoints: d.endpoints, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	go func() {
		for {
			_, _ = cli.Get(context.Background(), "beat")
			time.Sleep(every)
			d.mu.Lock()
			d.beats++
			d.mu.Unlock()
		}
	}()
	return nil
}

// Beats returns how many of those there were.
func (d *Driver) Beats(_ struct{}, n *int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	*n = d.beats
	return nil
}

// A Run asks for candidates of one shape.
type Run struct {
	Shape, Key string
	Every      time.Duration
	Candidates int
	Wild       bool // nothing paces it
}

// Start starts candidates. They are named after the shape, with their number.
func (d *Driver) Start(run Run, _ *struct{}) error {
	shape, ok := shapes[run.Shape]
	if !ok {
		return fmt.Errorf("no shape %s", run.Shape)
	}
	for i := range run.Candidates {
		c, err := newCandidate(d.endpoints, fmt.Sprintf("%s/%d", run.Shape, i), run.Key, run.Every)
		if err != nil {
			return err
		}
		c.wild = run.Wild
		d.mu.Lock()
		d.candidates[c.name] = c
		d.mu.Unlock()
		c.run(context.Background(), shape)
	}
	return nil
}

// States returns what all candidates have done so far, by name, and logs the number of the question,
// behind the lines of before.
func (d *Driver) States(number int, all *map[string]State) error {
	log.Print("states: ", number)
	d.mu.Lock()
	defer d.mu.Unlock()
	*all = map[string]State{}
	for name, c := range d.candidates {
		(*all)[name] = c.now()
	}
	return nil
}

// Cancel ends a candidate's context, between two rounds if it can: a try that its end
// meets may leave the loop in another way than a wait. Who spins comes to no such moment.
func (d *Driver) Cancel(name string, _ *struct{}) error {
	c, err := d.candidate(name)
	if err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); !c.cancelled(c.wild || time.Now().After(end)); {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Leave tells a candidate that leads to give the lock up.
func (d *Driver) Leave(name string, _ *struct{}) error {
	c, err := d.candidate(name)
	if err == nil {
		close(c.leave)
	}
	return err
}

// Swap gives a candidate a new session.
func (d *Driver) Swap(name string, _ *struct{}) error {
	c, err := d.candidate(name)
	if err != nil {
		return err
	}
	s, err := concurrency.NewSession(c.client)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.state.Lease = int64(s.Lease())
	c.mu.Unlock()
	c.swaps <- s
	return nil
}

// Expire ends a candidate's session, and with it its lease.
func (d *Driver) Expire(name string, _ *struct{}) error {
	c, err := d.candidate(name)
	if err != nil {
		return err
	}
	return c.session.Close()
}

func (d *Driver) candidate(name string) (*candidate, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c, ok := d.candidates[name]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("no candidate %s", name)
}
