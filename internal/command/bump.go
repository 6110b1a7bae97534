package command

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/bump"
	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
	"etcdmod/internal/report"
	"etcdmod/internal/rooted"
	"etcdmod/modbump"
)

func bumpCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "bump",
		Usage:     "bump etcd client modules that are not safe to lock with",
		ArgsUsage: "[modules]",
		Description: "Modules are directories; dir/... means every module at or below dir that is in its git repository\n" +
			"and that .gitignore does not leave out. Without one it is the module of the current directory.\n" +
			"Modules that others are built with come before those. Every module is written as a whole or not at\n" +
			"all; go.mod, go.sum and vendor are all that changes.",
		Flags:        bumpFlags(),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := bumpSettings(env, cmd)
			if err != nil {
				return err
			}
			found := modules.Options{Env: env.Environ, Ignored: cmd.Bool("ignored")}
			t, err := findModules(ctx, env, s.dir, cmd.Args().Slice(), found)
			if err != nil {
				return err
			}
			s.bump.Tree = repositories(ctx, t, found)
			for _, m := range t.tree.Modules {
				s.bump.Together = append(s.bump.Together, t.tree.Abs(m.Dir))
			}
			if cmd.Bool("diff") {
				if s.layer, err = gocmd.NewLayer(gocmd.Runner{Env: env.commands()}); err != nil {
					return err
				}
				defer s.layer.Remove()
			}
			return s.bumpAll(ctx, env, t)
		},
	}
}

// bumpAll bumps modules one after the other, or prints the patches. Each is judged with what
// became of those before it: written, or in the layer that the next ones see.
func (s *settings) bumpAll(ctx context.Context, env *Env, t *target) error {
	worst := &exit{}
	if t.fault {
		worst.code = ExitIncomplete
	}
	bumped := map[int]bool{}
	var idle []string
	for _, dir := range t.dirs {
		one := *s
		one.dir, one.repo = dir, t.repo
		if len(t.dirs) > 1 {
			one.idle = &idle
		}
		i, _ := t.tree.Index(dir)
		for _, dep := range t.tree.Modules[i].Replaces {
			one.bump.Refresh = one.bump.Refresh || bumped[dep]
		}
		changes, err := one.bumpModule(ctx, env)
		bumped[i] = one.bump.Refresh || slices.ContainsFunc(changes, func(c change.Change) bool { return filepath.Base(c.Path) == "go.mod" })
		if len(t.dirs) == 1 && !t.fault {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		worst.add(env, dir, err)
		if s.layer != nil {
			work, _, _ := modules.Workspace(dir, env.commands())
			if err := lay(s.layer, changes, dir, filepath.Join(filepath.Dir(work), "vendor"), t.spellings(i)); err != nil {
				return err
			}
		}
	}
	if err := report.LookedAtModules(env.Stderr, idle, len(t.dirs), env.Dir); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	if worst.code == ExitOK {
		return nil
	}
	return worst
}

// lay puts the changes of the module in dir into a layer, under all names of that directory. What
// is vendored there is for that module alone; what is below shared, the workspace has for all.
func lay(layer *gocmd.Layer, changes []change.Change, dir, shared string, spellings []string) error {
	for _, c := range changes {
		var err error
		switch {
		case !pathname.Below(shared, c.Path):
		case c.Deleted:
			err = layer.Drop(c.Path)
		default:
			err = layer.Put(c.New, c.Path)
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, c.Path)
		if err != nil || rel != "go.mod" && rel != "go.sum" {
			continue
		}
		var names []string
		for _, at := range spellings {
			names = append(names, filepath.Join(at, rel))
		}
		if err := layer.Put(c.New, names...); err != nil {
			return err
		}
	}
	return nil
}

// repositories returns a function that gives the modules of the repository that those of a
// target are in. They are found once: there may be a thousand, and a run moves none.
func repositories(ctx context.Context, t *target, opts modules.Options) func() (*modules.Tree, error) {
	return sync.OnceValues(func() (*modules.Tree, error) {
		repo := t.repo
		if repo == "" {
			root := modules.Resolved(t.dirs[0])
			if repo = modules.Repository(root); repo == "" {
				repo = root
			}
		}
		return modules.Find(ctx, repo, opts)
	})
}

// bumpFlags are those of the bump command.
func bumpFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "C", Usage: "work in `dir`", TakesFile: true},
		&cli.BoolFlag{Name: "v", Usage: "say on stderr what is being done"},
		&cli.StringFlag{Name: "format", Value: formatText, Usage: "write the report as `form`: text, json"},
		&cli.BoolFlag{Name: "json", Usage: "write JSON lines instead of text, as -format json"},
		&cli.StringFlag{Name: "tags", Usage: "comma-separated build `tags`"},
		&cli.BoolFlag{Name: "diff", Usage: "print the patch and write nothing"},
		&cli.BoolFlag{Name: "ignored", Usage: "with dir/...: also take modules that .gitignore leaves out"},
		&cli.BoolFlag{Name: "all", Usage: "also bump what is only reported by default: 3.2.20 to 3.2.24, 3.3.0 to 3.3.9, 3.4 before 3.4.10, and others"},
		&cli.StringSliceFlag{Name: "to", Usage: "bump to this `version`, v3.3.13 or module@v3.3.13, instead of the one of the policy"},
		&cli.BoolFlag{Name: "offline", Usage: "take nothing from the network; versions are those in the module cache"},
		&cli.BoolFlag{Name: "tidy", Usage: "also do what \"go mod tidy\" does, which may raise the go line"},
		pinFlag(),
		&cli.BoolFlag{Name: "vet", Value: true, Usage: "verify with go vet as well as with the compiler; on unless -vet=false"},
		&cli.BoolFlag{Name: "test", Usage: "run the tests of the packages that import the client before and after, and refuse what makes one fail"},
	}
}

func bumpSettings(env *Env, cmd *cli.Command) (*settings, error) {
	format, err := readFormat(cmd)
	if err != nil {
		return nil, err
	}
	if renderers[format] != nil {
		// These are whole files, each about one module.
		return nil, usage("-format=%s: bump writes text or json; \"etcdmod apply -format %s\" bumps as well, in one module", format, format)
	}
	s := &settings{
		dir:     changeDir(env.Dir, cmd.String("C")),
		verbose: cmd.Bool("v"),
		format:  format,
		tags:    cmd.String("tags"),
		tier:    finding.Collapse,
		edit:    true,
		vet:     cmd.Bool("vet"),
		test:    cmd.Bool("test"),
		bump: bump.Options{
			Only: true, All: cmd.Bool("all"), Offline: cmd.Bool("offline"), Tidy: cmd.Bool("tidy"), Pin: cmd.Bool("pin"),
		},
	}
	for _, text := range cmd.StringSlice("to") {
		to, err := modbump.ParseTo(text)
		if err != nil {
			return nil, usage("-to=%s: %w", text, err)
		}
		s.bump.To = append(s.bump.To, to)
	}
	return s, nil
}

// bumpModule bumps one module, or prints the patch, and returns what was written or printed.
func (s *settings) bumpModule(ctx context.Context, env *Env) ([]change.Change, error) {
	if s.layer == nil {
		return s.apply(ctx, env)
	}
	res, err := s.run(ctx, env)
	if err != nil {
		return nil, err
	}
	return res.Written(), s.printPatch(ctx, env, res)
}

// add takes the outcome of one module of several: it is reported, and the worst code is
// that of the run.
func (e *exit) add(env *Env, dir string, err error) {
	if err == nil {
		return
	}
	code, text := ExitUsage, rooted.Words(err)
	if x, ok := err.(*exit); ok {
		code = x.code
	}
	if text != "" {
		say(env.Stderr, "etcdmod: %s: %s\n", quote.Name(dir), text)
	}
	if severity(code) > severity(e.code) {
		e.code = code
	}
}

// severity orders exit codes: what could not be done before what was done only in part.
func severity(code int) int {
	for i, c := range []int{ExitOK, ExitFindings, ExitIncomplete, ExitFailed, ExitUsage} {
		if c == code {
			return i
		}
	}
	return 0
}
