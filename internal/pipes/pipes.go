// Package pipes ends commands that wait for a named pipe in a tree, or that read what has no end.
//
// Git and the go command open the files that they need, whatever these are: at a pipe they wait
// for somebody who writes to it, a device such as /dev/zero they read until the memory is gone,
// and a file of some gigabytes with nothing in it, which an archive or a disk has room for, as
// well. It takes a command's context and where such files may be, and ends the context with an
// error that names the file. Nearly no tree has one, so they are looked for only where a command
// takes its time. It never opens a file.
package pipes

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"etcdmod/internal/rooted"
)

// How long a command may take before such files are looked for, and before that is done once more.
const (
	patience = time.Second
	pause    = 10 * time.Second
)

// Watch returns a context for a command, which ends with the [rooted.UnfitError] that find
// returns. The command has ended when stop is called.
func Watch(ctx context.Context, who string, find func(context.Context) error) (_ context.Context, stop func()) {
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		for wait := patience; ; wait = pause {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			if unfit := (*rooted.UnfitError)(nil); errors.As(find(ctx), &unfit) {
				end(&rooted.UnfitError{Path: unfit.Path, Why: unfit.Why + ", and " + who + " waits for it"})
			}
		}
	}()
	return ctx, func() { end(nil) }
}

// Any says that a file may have any size.
const Any rooted.Bound = -1

// Unfit reports why a file that is there is not one to be opened by a command, or nil. Links are
// followed, as a command does.
func Unfit(name string, most rooted.Bound) error {
	info, err := os.Stat(name)
	if err != nil || info.IsDir() {
		return nil // the command says that itself
	}
	return unfit(name, info, most)
}

func unfit(name string, info fs.FileInfo, most rooted.Bound) error {
	if info.Mode()&fs.ModeDevice != 0 {
		if real, err := filepath.EvalSymlinks(name); err == nil && real == os.DevNull {
			return nil // the empty file
		}
	}
	if info.Mode().IsRegular() && info.Size() == 0 {
		if real, err := filepath.EvalSymlinks(name); err == nil && strings.HasPrefix(real, "/proc/") {
			return &rooted.UnfitError{Path: name, Why: "is a file of the kernel, which may have no end"}
		}
	}
	if most == Any {
		most = rooted.Bound(info.Size())
	}
	return rooted.FitNamed(name, info, most)
}

// Below looks at the files below a directory for which of reports true, and at how big of says
// that each may be. It returns why the first of them that is unfit must not be opened, or nil.
// Directories for which skip reports true are left out, but for the first one.
func Below(ctx context.Context, dir string, skip func(dir string) bool, of func(name string) (rooted.Bound, bool)) (found error) {
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil || found != nil:
			return fs.SkipAll
		case err != nil: // the command cannot read it either
			return nil
		case d.IsDir():
			if name != dir && skip(name) {
				return fs.SkipDir
			}
			return nil
		}
		if most, ok := of(name); ok && (most != Any || !d.Type().IsRegular()) {
			found = Unfit(name, most)
		}
		return nil
	})
	return found
}
