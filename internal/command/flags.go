package command

import (
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"
	"golang.org/x/mod/module"

	"etcdmod/internal/pipeline"
	"etcdmod/rewrite"
)

// commonFlags are the flags of every command that looks at a module.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "C", Usage: "work in `dir`", TakesFile: true},
		&cli.BoolFlag{Name: "v", Usage: "say on stderr what is being done"},
		&cli.BoolFlag{Name: "json", Usage: "write JSON lines instead of text"},
		&cli.StringFlag{Name: "tags", Usage: "comma-separated build `tags`"},
		&cli.StringSliceFlag{Name: "concurrency-pkg", Usage: "import `path` of a fork of the etcd client's package concurrency; may be repeated", Validator: importPaths},
		&cli.StringFlag{Name: "tier", Value: rewrite.Collapse.String(), Usage: "the strongest `tier` to use: guard, gate or collapse"},
	}
}

// editFlags are those of commands that make changes.
func editFlags() []cli.Flag {
	return append(commonFlags(),
		&cli.BoolFlag{Name: "vet", Value: true, Usage: "verify with go vet as well as with the compiler; on unless -vet=false"},
		&cli.BoolFlag{Name: "test", Usage: "run the tests of the changed packages before and after, and refuse what makes one fail"},
	)
}

// settings are the flags and arguments as given.
type settings struct {
	dir      string
	patterns []string
	verbose  bool
	json     bool
	tags     string
	tier     rewrite.Tier
	forks    []string
	edit     bool // make changes
	vet      bool
	test     bool
	bump     pipeline.BumpOptions
}

func readSettings(env *Env, cmd *cli.Command, edit bool) (*settings, error) {
	tier, ok := rewrite.ParseTier(cmd.String("tier"))
	if !ok {
		return nil, usage("-tier=%s: want guard, gate or collapse", cmd.String("tier"))
	}
	return &settings{
		dir:      changeDir(env.Dir, cmd.String("C")),
		patterns: cmd.Args().Slice(),
		verbose:  cmd.Bool("v"),
		json:     cmd.Bool("json"),
		tags:     cmd.String("tags"),
		tier:     tier,
		forks:    cmd.StringSlice("concurrency-pkg"),
		edit:     edit,
		vet:      edit && cmd.Bool("vet"),
		test:     edit && cmd.Bool("test"),
	}, nil
}

func importPaths(paths []string) error {
	for _, path := range paths {
		if err := module.CheckImportPath(path); err != nil {
			return err
		}
	}
	return nil
}

// changeDir returns the directory that cd would go to from dir. It keeps symbolic links as
// they are spelled, except where ".." behind one means another directory than its text
// says.
func changeDir(dir, to string) string {
	switch {
	case to == "":
		return dir
	case !filepath.IsAbs(to):
		to = dir + string(filepath.Separator) + to
	}
	clean := filepath.Clean(to)
	a, err1 := os.Stat(to)
	b, err2 := os.Stat(clean)
	if err1 != nil || err2 == nil && os.SameFile(a, b) {
		return clean
	}
	if real, err := filepath.EvalSymlinks(to); err == nil {
		return real
	}
	return clean
}
