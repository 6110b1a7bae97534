package rollout

import (
	"context"
	"time"

	"etcdmod/internal/pipeline"
)

// RunWith is Run with another way to look at a module.
func RunWith(ctx context.Context, opts Options, look func(context.Context, pipeline.Options) (*pipeline.Result, error)) (*Index, error) {
	return start(ctx, opts, steps{look, (*pipeline.Result).Part, 10 * time.Second})
}

// ParseOwners is for the tests from outside.
var ParseOwners = parseOwners
