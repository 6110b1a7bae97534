package rollout

import (
	"context"
	"sync"
	"time"
)

// Usage is how much memory a rollout took, in bytes. It is known on Linux alone, by samples;
// elsewhere all is 0.
type Usage struct {
	Own      uint64 // the peak of this process
	Children uint64 // that of the processes that ran at the same time: go, compile, vet, git
	Together int    // modules that were worked at together at the most, of those that need the go command
}

const (
	// firstGuess is the memory that a module is taken to need before one has been measured:
	// most of it is for compilers and vet.
	firstGuess = 512 << 20
	// sampling is how often the memory is measured.
	sampling = 100 * time.Millisecond
)

// A budget bounds the memory of the modules that are worked at together, by how many there
// may be. It takes each for as dear as the dearest that was measured, since nobody knows
// whose a compiler is, and one module at a time goes on whatever it takes.
//
// There is no limit for the heap of this process (debug.SetMemoryLimit): the memory is that
// of other processes, and a heap that is kept smaller than what is alive only costs time.
type budget struct {
	limit   uint64 // 0 means none
	measure func() (own, children uint64)

	mu      sync.Mutex
	freed   chan struct{} // closed when there may be room
	running int
	guess   uint64 // what a module needs
	usage   Usage
}

func newBudget(limit uint64) *budget {
	return &budget{limit: limit, measure: measureMemory, freed: make(chan struct{}), guess: firstGuess}
}

// admit waits until there is memory for one more module, and counts it. Who has been admitted
// must not wait for other modules.
func (b *budget) admit(ctx context.Context) error {
	for {
		b.mu.Lock()
		if b.running == 0 || b.limit == 0 || b.usage.Own+uint64(b.running+1)*b.guess <= b.limit {
			b.running++
			b.usage.Together = max(b.usage.Together, b.running)
			b.mu.Unlock()
			return nil
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// release says that an admitted module has ended.
func (b *budget) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	b.wake()
}

func (b *budget) wake() {
	close(b.freed)
	b.freed = make(chan struct{})
}

// sample measures once. What was measured makes the guess bigger, never smaller: the next
// module may be dearer than all before.
func (b *budget) sample() {
	own, children := b.measure()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.usage.Own = max(b.usage.Own, own)
	b.usage.Children = max(b.usage.Children, children)
	if b.running == 0 {
		return
	}
	if each := children / uint64(b.running); each > b.guess {
		b.guess = each
	}
}

// watch samples until the function that it returns is called, which gives what was seen.
func (b *budget) watch() (end func() Usage) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(sampling)
		defer tick.Stop()
		for {
			b.sample()
			select {
			case <-tick.C:
			case <-stop:
				b.sample()
				return
			}
		}
	}()
	return func() Usage {
		close(stop)
		<-done
		return b.usage
	}
}
