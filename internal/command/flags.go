package command

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"etcdmod/internal/bump"
	"etcdmod/internal/quote"

	"github.com/urfave/cli/v3"
	"golang.org/x/mod/module"

	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/helper"
	"etcdmod/internal/modules"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/rooted"
	"etcdmod/rewrite"
)

// commonFlags are the flags of every command that looks at a module.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "C", Usage: "work in `dir`", TakesFile: true},
		&cli.BoolFlag{Name: "v", Usage: "say on stderr what is being done"},
		formatFlag(),
		&cli.BoolFlag{Name: "json", Usage: "write JSON lines instead of text, as -format json"},
		&cli.StringFlag{Name: "tags", Usage: "comma-separated build `tags`"},
		&cli.StringSliceFlag{Name: "goos", Usage: "look at the module as built for each of these `systems`, and make only changes that hold for all"},
		&cli.StringSliceFlag{Name: "goarch", Usage: "the same for `architectures`; with -goos, for all pairs"},
		&cli.StringSliceFlag{Name: "config", Usage: "the same for `configurations`: GOOS/GOARCH, tags=a+b, GOOS/GOARCH:tags=a+b, or default; or a YAML file with flags (default: " + DefaultConfigFile + ")"},
		&cli.StringFlag{Name: "helper-dir", Usage: "put the helper package into `dir`, relative to the root of the module (default: " + helper.DefaultDir + ")", TakesFile: true},
		&cli.StringFlag{Name: "helper-header", Usage: "put the comments in `file`, such as those of a licence, above each file of the helper package; named from the root of the repository", TakesFile: true},
		&cli.StringFlag{Name: "helper-import", Usage: "use the helper package with this import `path`, which etcdmod has generated before, and generate none"},
		&cli.StringSliceFlag{Name: "concurrency-pkg", Usage: "import `path` of a fork of the etcd client's package concurrency; may be repeated", Validator: importPaths},
		&cli.StringFlag{Name: "tier", Value: finding.Collapse.String(), Usage: "the strongest `tier` to use: guard, gate or collapse"},
		&cli.StringSliceFlag{Name: "rule", Usage: "report and rewrite only what this `rule` finds; may be repeated"},
		&cli.StringSliceFlag{Name: "only-tier", Usage: "report and rewrite only findings of this `tier`: refuse, guard, gate or collapse; may be repeated"},
		&cli.StringFlag{Name: "strategy", Value: rewrite.WatchStrategy.String(), Usage: "how a collapse `waits`: watch (WatchLock) or lock (Lock, which queues) where other errors end the loop"},
		&cli.StringFlag{Name: "exported-api", Value: rewrite.RefuseExported.String(), Usage: "what `becomes` of exported declarations that other modules may compile against: refuse or rewrite"},
	}
}

// editFlags are those of commands that make changes.
func editFlags() []cli.Flag {
	return append(commonFlags(),
		&cli.BoolFlag{Name: "vet", Value: true, Usage: "verify with go vet as well as with the compiler; on unless -vet=false"},
		pinFlag(),
		&cli.BoolFlag{Name: "test", Usage: "run the tests of the changed packages and of their importers before and after, and refuse what makes one fail"},
	)
}

// findingFlag is for commands that look at one module: an ID means nothing in another.
func findingFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "finding", Usage: "report and rewrite only this `finding`, by its ID or as path:line; may be repeated"}
}

// helperFlag is for commands that show a patch on a terminal.
func helperFlag() cli.Flag {
	return &cli.BoolFlag{Name: "helper", Usage: "on a terminal: show generated files too, not a line for each"}
}

// readSelection reads which findings are wanted.
func readSelection(cmd *cli.Command) (only pipeline.Selection, err error) {
	only = pipeline.Selection{Rules: cmd.StringSlice("rule"), Tiers: cmd.StringSlice("only-tier"), Findings: cmd.StringSlice("finding")}
	for _, flag := range []string{"rule", "only-tier"} {
		for _, value := range cmd.StringSlice(flag) {
			if err := checkChoice(flag, value); err != nil {
				return only, usage("-%s=%w", flag, err)
			}
		}
	}
	return only, nil
}

// pinFlag is the one flag about the bump that every command has that makes it.
func pinFlag() cli.Flag {
	return &cli.BoolFlag{Name: "pin", Usage: "where google.golang.org/grpc is too new for a client, replace it by a version that is not, for the whole build"}
}

// settings are the flags and arguments as given.
type settings struct {
	dir      string
	repo     string // that files are named relative to, see pipeline.Options
	file     string // that the other settings come from, besides the command line
	patterns []string
	verbose  bool
	format   string
	tags     string
	configs  []pipeline.Configuration
	tier     finding.Tier
	strategy rewrite.Strategy
	exported rewrite.ExportedAPI
	forks    []string
	only     pipeline.Selection
	unfold   bool // show generated files
	edit     bool // make changes
	helper   struct {
		dir, imported string
		header        []byte
	}
	vet   bool
	test  bool
	bump  bump.Options
	layer *gocmd.Layer // for "bump -diff": what it would have written so far
	idle  *[]string    // for a bump of several modules: those with nothing to do
}

func readSettings(env *Env, cmd *cli.Command, edit bool) (*settings, error) {
	dir := changeDir(env.Dir, cmd.String("C"))
	file, texts, err := readConfig(dir, cmd)
	if err != nil {
		return nil, err
	}
	tier, err := parseChoice(cmd, "tier", finding.ParseTier)
	if err != nil {
		return nil, err
	}
	strategy, err := parseChoice(cmd, "strategy", rewrite.ParseStrategy)
	if err != nil {
		return nil, err
	}
	exported, err := parseChoice(cmd, "exported-api", rewrite.ParseExportedAPI)
	if err != nil {
		return nil, err
	}
	format, err := readFormat(cmd)
	if err != nil {
		return nil, err
	}
	only, err := readSelection(cmd)
	if err != nil {
		return nil, err
	}
	s := &settings{
		only:     only,
		unfold:   cmd.Bool("helper"),
		dir:      dir,
		file:     file,
		patterns: cmd.Args().Slice(),
		verbose:  cmd.Bool("v"),
		format:   format,
		tags:     cmd.String("tags"),
		tier:     tier,
		strategy: strategy,
		exported: exported,
		forks:    cmd.StringSlice("concurrency-pkg"),
		edit:     edit,
		vet:      edit && cmd.Bool("vet"),
		test:     edit && cmd.Bool("test"),
		bump:     bump.Options{Pin: edit && cmd.Bool("pin")},
	}
	if s.configs, err = configurations(cmd, texts); err != nil {
		return nil, err
	}
	return s, s.readHelper(cmd)
}

// platformName is how a GOOS or a GOARCH may look.
var platformName = regexp.MustCompile(`^[a-z0-9]+$`)

// configurations reads the build configurations; none means that of the environment.
func configurations(cmd *cli.Command, texts []string) (out []pipeline.Configuration, err error) {
	systems, archs := cmd.StringSlice("goos"), cmd.StringSlice("goarch")
	if len(texts) > 0 && len(systems)+len(archs) > 0 {
		return nil, usage("-config names whole build configurations; give it, or -goos and -goarch")
	}
	for _, name := range append(slices.Clone(systems), archs...) {
		if !platformName.MatchString(name) {
			return nil, usage("-goos and -goarch: %q is no name of a system or an architecture", name)
		}
	}
	if len(systems)+len(archs) > 0 {
		for _, system := range orNone(systems) {
			for _, arch := range orNone(archs) {
				out = append(out, pipeline.Configuration{GOOS: system, GOARCH: arch})
			}
		}
	}
	for _, text := range texts {
		c, err := pipeline.ParseConfiguration(text)
		if err != nil {
			return nil, usage("-config: %w", err)
		}
		out = append(out, c)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(c pipeline.Configuration) bool {
		again := seen[c.String()]
		seen[c.String()] = true
		return again
	}), nil
}

// orNone returns list, or one empty name where there is none.
func orNone(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

// readHelper reads where the helper package is.
func (s *settings) readHelper(cmd *cli.Command) error {
	if dir := cmd.String("helper-dir"); cmd.IsSet("helper-dir") {
		s.helper.dir = strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(dir), "./"), "/")
		if err := pipeline.CheckHelperDir(s.helper.dir); err != nil {
			return usage("-helper-dir=%s: %w", quote.Name(dir), err)
		}
	}
	if name := cmd.String("helper-header"); name != "" {
		var err error
		if s.helper.header, err = readHeader(s.dir, name); err != nil {
			return usage("-helper-header=%s: %w", quote.Name(name), err)
		}
	}
	if !cmd.IsSet("helper-import") {
		return nil
	}
	s.helper.imported = cmd.String("helper-import")
	if err := pipeline.CheckHelperImport(s.helper.imported); err != nil {
		return usage("-helper-import=%s: %w", quote.Name(s.helper.imported), err)
	}
	if s.helper.dir != "" {
		return usage("-helper-dir says where to generate the helper package, -helper-import that none is generated: give one of them")
	}
	return nil
}

// readHeader reads the header of generated files, below the root of the repository around dir: it
// may be a file of the repository that names it.
func readHeader(dir, name string) ([]byte, error) {
	root := modules.Resolved(cmp.Or(modules.Above(dir), dir))
	root = cmp.Or(modules.Repository(root), root)
	if !filepath.IsLocal(name) {
		return nil, errors.New("want a file below the root of the repository, named from there")
	}
	text, err := rooted.ReadFile(root, name, rooted.Setting)
	if err != nil {
		return nil, err
	}
	return helper.CheckHeader(text)
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
