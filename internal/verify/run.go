package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/procgroup"
)

// runGroup runs a go command that runs programs of its own, tests above all, and
// gives both output streams, also when it fails.
//
// The go command does not pass an interrupt on to the tests it runs, and a test that
// outlives it would go on in a directory that is removed. So they form a process
// group, where the system has that, and the end of ctx ends the group.
func runGroup(ctx context.Context, r gocmd.Runner, args ...string) (stdout, stderr []byte, err error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.Dir
	cmd.Env = r.Environ()
	cmd.Stdout = &out
	cmd.Stderr = &errs
	cmd.WaitDelay = 3 * time.Second
	procgroup.Set(cmd)
	err = cmd.Run()
	if ctx.Err() != nil {
		procgroup.End(cmd)
		return nil, nil, ctx.Err()
	}
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%w (%v)", gocmd.ErrNoGo, err)
	}
	if err != nil {
		err = &gocmd.Error{Args: args, Dir: r.Dir, Stderr: strings.TrimSpace(errs.String()), Err: err}
	}
	return out.Bytes(), errs.Bytes(), err
}

// fatal reports whether a command did not even run to its end. A command that ended
// with another exit code than 0 has said something.
func fatal(err error) bool {
	var exit *exec.ExitError
	return err != nil && (!errors.As(err, &exit) || !exit.Exited())
}
