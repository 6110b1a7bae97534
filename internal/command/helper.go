package command

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/helper"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
	"etcdmod/internal/version"
)

// helperCommand tells who reviews a change whether a file is what etcdmod generates.
func helperCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:         "helper",
		Usage:        "say whether a file of the helper package is what this version generates",
		ArgsUsage:    "-check FILE...",
		OnUsageError: usageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "C", Usage: "work in `dir`", TakesFile: true},
			&cli.BoolFlag{Name: "check", Usage: "compare files with the templates; exit with 1 unless all are the same"},
		},
		Action: func(_ context.Context, cmd *cli.Command) error {
			if !cmd.Bool("check") || !cmd.Args().Present() {
				return usage("helper needs -check and the files to check")
			}
			dir, same := changeDir(env.Dir, cmd.String("C")), true
			for _, name := range cmd.Args().Slice() {
				src, err := readHelper(dir, name)
				if err != nil {
					return &exit{ExitUsage, err}
				}
				state := helper.Judge(filepath.Base(name), src, version.Version)
				same = same && state == helper.Current
				verdict := verdicts[state]
				if header, _ := helper.Header(src); len(header) > 0 {
					verdict += ", below a header of its own"
				}
				fmt.Fprintf(env.Stdout, "%s: %s\n", quote.Name(name), verdict)
			}
			if !same {
				return &exit{code: ExitFindings}
			}
			return nil
		},
	}
}

var verdicts = map[helper.State]string{
	helper.Foreign: "etcdmod has not generated it",
	helper.Current: "what etcdmod " + version.Version + " generates",
	helper.Earlier: "what an earlier version generates (stale-helper)",
	helper.Newer:   "of a newer version than etcdmod " + version.Version + ", which cannot judge it",
	helper.Edited:  "changed by hand since etcdmod generated it (helper-edited)",
}

// largestHelper is many times what any version generates, in bytes.
const largestHelper = 1 << 20

// readHelper reads a regular file of a size that a generated one can have.
func readHelper(dir, name string) ([]byte, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return rooted.ReadNamed(path, largestHelper)
}
