package shadow

import (
	"context"
	"errors"
	"os/exec"
	"slices"

	"etcdmod/internal/gocmd"
)

// A Stage is a place where a go command sees one side: the module itself under an
// overlay, or a scratch copy.
type Stage struct {
	run   gocmd.Runner
	flags []string
	// Places says of what is printed here which files of the user are meant.
	Places *Places
}

// Run runs a go command over packages, in as many parts as their paths take, and gives
// to each what a part printed and how it ended. A part that did not run to its end ends
// all with its error; with another exit code than 0 a command has said something.
func (x *Stage) Run(ctx context.Context, command, flags, paths []string, each func(stdout, stderr []byte, err error) error) error {
	for _, some := range chunks(paths, maxArgs) {
		stdout, stderr, err := x.run.RunBoth(ctx, slices.Concat(command, x.flags, flags, some)...)
		if fatal(err) {
			return err
		}
		if err := each(stdout, stderr, err); err != nil {
			return err
		}
	}
	return nil
}

// fatal reports whether a command did not even run to its end.
func fatal(err error) bool {
	var exit *exec.ExitError
	return err != nil && (!errors.As(err, &exit) || !exit.Exited())
}

// maxArgs bounds the length of an argument list: Windows takes 32 KiB.
const maxArgs = 24 << 10

// chunks cuts a list into pieces of at most max bytes.
func chunks(list []string, max int) [][]string {
	var all [][]string
	for start := 0; start < len(list); {
		end, size := start, 0
		for end < len(list) && (end == start || size+len(list[end]) < max) {
			size += len(list[end]) + 1
			end++
		}
		all = append(all, list[start:end])
		start = end
	}
	return all
}
