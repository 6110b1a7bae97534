// Package pipes ends commands that wait for a named pipe in a tree.
//
// Git and the go command open the files that they need, whatever these are, and at a pipe they
// wait for somebody who writes to it. It takes a command's context and where such files may be,
// and ends the context with an error that names the pipe. Nearly no tree has one, so they are
// looked for only where a command takes its time. It never opens a file.
package pipes

import (
	"context"
	"io/fs"
	"path/filepath"
	"time"

	"etcdmod/internal/rooted"
)

// How long a command may take before pipes are looked for, and before that is done once more.
const (
	patience = time.Second
	pause    = 10 * time.Second
)

// Watch returns a context for a command, which ends with an [rooted.UnfitError] where find
// returns the name of a pipe. The command has ended when stop is called.
func Watch(ctx context.Context, who string, find func(context.Context) string) (_ context.Context, stop func()) {
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		for wait := patience; ; wait = pause {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			if name := find(ctx); name != "" {
				end(&rooted.UnfitError{Path: name, Why: "is a named pipe, not a file, and " + who + " waits for it"})
			}
		}
	}()
	return ctx, func() { end(nil) }
}

// Below returns a pipe below a directory, or "": one for which is reports true. Directories for
// which skip reports true are left out, but for the first one.
func Below(ctx context.Context, dir string, skip func(dir string) bool, is func(name string) bool) (found string) {
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil || found != "":
			return fs.SkipAll
		case err != nil: // the command cannot read it either
		case d.IsDir() && name != dir && skip(name):
			return fs.SkipDir
		case d.Type()&fs.ModeNamedPipe != 0 && is(name):
			found = name
		}
		return nil
	})
	return found
}
