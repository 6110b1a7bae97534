package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// The shapes of this file differ in what paces the tries.

// A ticker in a select; every error is retried.
func tickerSelect(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := mu.TryLock(ctx); err == nil {
				return c.lead(mu.Unlock)
			}
		}
	}
}

// A ticker behind the try; other errors are returned.
func tickerReturns(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	if err := awaitTurn(ctx, mu, c.every); err != nil {
		return fmt.Errorf("no turn: %w", err)
	}
	return c.lead(mu.Unlock)
}

func awaitTurn(ctx context.Context, mu *concurrency.Mutex, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		err := mu.TryLock(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, concurrency.ErrLocked) {
			return fmt.Errorf("lock: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// A ticker in a select, and a line for each round.
func tickerLogs(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := mu.TryLock(ctx); err != nil {
				log.Printf("%s: not yet: %v", c.name, err)
				continue
			}
			return c.lead(mu.Unlock)
		}
	}
}

// A range over a ticker, without a way out but the lock.
func tickerRange(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for range ticker.C {
		err := mu.TryLock(ctx)
		if err == nil {
			break
		}
		log.Printf("%s: %v", c.name, err)
	}
	return c.lead(mu.Unlock)
}

// A range over time.Tick; the rounds are counted.
func tick(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	rounds := 0
	for range time.Tick(c.every) {
		rounds++
		err := mu.TryLock(ctx)
		if err == nil {
			break
		}
		log.Printf("%s: round %d", c.name, rounds)
		if err != concurrency.ErrLocked {
			return err
		}
	}
	return c.lead(mu.Unlock)
}

// Sleep at the end of the body, in a function without a result.
func sleepEnd(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	sleepUntilHeld(ctx, mu, c.every)
	return c.lead(mu.Unlock)
}

func sleepUntilHeld(ctx context.Context, mu *concurrency.Mutex, pause time.Duration) {
	for {
		if err := mu.TryLock(ctx); err == nil {
			return
		}
		time.Sleep(pause)
	}
}

// Sleep at the end of the body; one return for success and for other errors.
func sleepReturns(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for {
		err := mu.TryLock(ctx)
		if err == nil {
			return c.lead(mu.Unlock)
		}
		if err != concurrency.ErrLocked {
			return err
		}
		time.Sleep(c.every)
	}
}

// Sleep in the default case of a select; every error is retried.
func sleepDefault(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		default:
			if mu.TryLock(ctx) == nil {
				return c.lead(mu.Unlock)
			}
			time.Sleep(c.every)
		}
	}
}

// After in a select; every error is retried.
func afterSelect(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for mu.TryLock(ctx) != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
	return c.lead(mu.Unlock)
}

// After in a select beside a deadline, which is made before the loop.
func afterDeadline(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	deadline := time.After(time.Hour)
	for mu.TryLock(ctx) != nil {
		select {
		case <-deadline:
			return errors.New("too late")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
			log.Printf("%s: again", c.name)
		}
	}
	return c.lead(mu.Unlock)
}

// The deadline comes.
func afterDeadlineComes(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	deadline := time.After(5 * c.every / 2)
	for {
		err := mu.TryLock(ctx)
		if err == nil {
			return c.lead(mu.Unlock)
		}
		select {
		case <-deadline:
			return fmt.Errorf("too late: %w", err)
		case <-time.After(c.every):
		}
	}
}

// After is assigned to a variable in each round, before the try.
func afterVariable(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for ctx.Err() == nil {
		next := time.After(c.every)
		err := mu.TryLock(ctx)
		if err == nil {
			return c.lead(mu.Unlock)
		}
		log.Printf("%s: %v", c.name, err)
		<-next
	}
	return ctx.Err()
}

// One timer, which is reset in each round.
func timerReset(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			err := mu.TryLock(ctx)
			if err == nil {
				return c.lead(mu.Unlock)
			}
			log.Printf("%s: standby: %v", c.name, err)
			timer.Reset(c.every)
		}
	}
}

// A timer for each round.
func timerRound(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for mu.TryLock(ctx) != nil {
		timer := time.NewTimer(c.every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
	return c.lead(mu.Unlock)
}

// A timer in a function of its own.
func timerHelper(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for {
		if mu.TryLock(ctx) == nil {
			return c.lead(mu.Unlock)
		}
		if err := pause(ctx, c.every); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Sleep and a backward goto.
func sleepGoto(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
again:
	if err := mu.TryLock(ctx); err == concurrency.ErrLocked {
		time.Sleep(c.every)
		goto again
	} else if err != nil {
		return err
	}
	return c.lead(mu.Unlock)
}

// The context of a try is not the one of the wait.
func attemptContext(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := mu.TryLock(attempt)
		cancel()
		if err == nil {
			return c.lead(mu.Unlock)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
}
