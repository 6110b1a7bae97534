package rollout

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"etcdmod/internal/rooted"
)

var errTimeout = errors.New("it took longer than the time for one module; -timeout sets it")

// A panicError is a panic within a module.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string {
	return fmt.Sprintf("panic: %v; this is a bug of etcdmod\n%s", e.value, e.stack)
}

// isolate runs f within the time for a module, and calls what it returns unless the time is
// up. A panic becomes an error. Once the time is up, f has the time of grace to clean up, and
// is left behind after that.
func (r *run) isolate(ctx context.Context, f func(context.Context) (func() error, error)) error {
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.Timeout, errTimeout)
		defer cancel()
	}
	type outcome struct {
		then func() error
		err  error
	}
	end := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if v := recover(); v != nil {
				o.err = &panicError{v, debug.Stack()}
			}
			end <- o
		}()
		o.then, o.err = f(ctx)
	}()
	var o outcome
	select {
	case o = <-end:
	case <-ctx.Done():
		select {
		case o = <-end:
		case <-time.After(r.grace):
			return context.Cause(ctx)
		}
	}
	switch {
	case o.err != nil && ctx.Err() != nil && errors.Is(o.err, ctx.Err()):
		return context.Cause(ctx)
	case o.err != nil:
		return o.err
	}
	return o.then()
}

// failure gives an error as the index has it.
func failure(err error, repo string) *Failure {
	f := &Failure{Kind: FailedError, Message: relative(rooted.Words(err), repo)}
	var p *panicError
	switch {
	case errors.As(err, &p):
		f.Kind = FailedPanic
	case errors.Is(err, errTimeout):
		f.Kind = FailedTimeout
	}
	return f
}
