package pipeline

import (
	"context"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"etcdmod/internal/discover"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/load"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
	"etcdmod/internal/verify"
)

// A Configuration is a build configuration. The zero value is that of the environment.
type Configuration struct {
	GOOS, GOARCH string   // "" for what the environment says
	Tags         []string // build tags besides those of [Options]
}

var (
	platform = regexp.MustCompile(`^([a-z0-9]+)/([a-z0-9]+)$`)
	tag      = regexp.MustCompile(`^[\pL\pN_.]+$`)
)

// ParseConfiguration reads "GOOS/GOARCH", "tags=a+b" for the platform of the environment,
// "GOOS/GOARCH:tags=a+b", or "default".
func ParseConfiguration(text string) (c Configuration, err error) {
	first, tags, tagged := strings.Cut(text, "tags=")
	bad := fmt.Errorf("%q is no build configuration: want GOOS/GOARCH, tags=a+b, GOOS/GOARCH:tags=a+b or default", text)
	name, colon := strings.CutSuffix(first, ":")
	m := platform.FindStringSubmatch(name)
	switch {
	case colon != (tagged && first != "") || colon && name == "":
		return c, bad
	case m != nil:
		c.GOOS, c.GOARCH = m[1], m[2]
	case name != "default" && (name != "" || !tagged):
		return c, bad
	}
	if tagged {
		c.Tags = strings.Split(tags, "+")
	}
	for _, t := range c.Tags {
		if !tag.MatchString(t) {
			return c, bad
		}
	}
	return c, nil
}

// String is the inverse of ParseConfiguration.
func (c Configuration) String() string {
	var parts []string
	switch {
	case c.GOOS != "" && c.GOARCH != "":
		parts = append(parts, c.GOOS+"/"+c.GOARCH)
	case c.GOOS+c.GOARCH != "":
		parts = append(parts, c.GOOS+c.GOARCH)
	}
	if len(c.Tags) > 0 {
		parts = append(parts, "tags="+strings.Join(c.Tags, "+"))
	}
	if len(parts) == 0 {
		return "default"
	}
	return strings.Join(parts, ":")
}

// settings are what the configuration adds to the environment of the go command.
func (c Configuration) settings() (env []string) {
	if c.GOOS != "" {
		env = append(env, "GOOS="+c.GOOS)
	}
	if c.GOARCH != "" {
		env = append(env, "GOARCH="+c.GOARCH)
	}
	return env
}

// foreign reports whether what it builds does not run on this machine.
func (c Configuration) foreign() bool {
	return c.GOOS != "" && c.GOOS != runtime.GOOS || c.GOARCH != "" && c.GOARCH != runtime.GOARCH
}

// builds are the build configurations of a run, and how the go command runs in each.
type builds struct {
	opts  *Options
	seen  []*discover.Module // the module as each configuration sees it
	goCmd gocmd.Runner
	work  string   // a copy of the go.work for commands that only list, in a directory of its own; "" for none
	flags []string // for every go command that loads packages, without tags
	check func(context.Context, verify.Request) (*verify.Result, error)
}

// tags returns all build tags of a configuration.
func (b *builds) tags(c Configuration) []string {
	all := strings.FieldsFunc(b.opts.Tags, func(c rune) bool { return c == ',' || c == ' ' })
	for _, t := range c.Tags {
		if !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

// discover reads the module as each configuration sees it, and joins that. contexts are what
// the go command says of each; without them the environment tells.
func (b *builds) discover(opts discover.Options, contexts []*build.Context) (*discover.Module, error) {
	if len(b.opts.Configurations) == 0 {
		b.opts.Configurations = []Configuration{{}}
	}
	b.seen = nil
	for i, c := range b.opts.Configurations {
		if contexts != nil {
			opts.Build = contexts[i]
		}
		env := b.opts.Env
		if env == nil {
			env = os.Environ()
		}
		opts.Env, opts.Tags = append(slices.Clone(env), c.settings()...), b.tags(c)
		mod, err := discover.Find(b.opts.Dir, opts)
		if err != nil {
			return nil, err
		}
		b.seen = append(b.seen, mod)
	}
	return discover.Union(b.seen), nil
}

// contexts asks the go command how it chooses files in each configuration. Where it does not
// say, what loads packages will tell why.
func (b *builds) contexts(ctx context.Context) []*build.Context {
	out := make([]*build.Context, len(b.opts.Configurations))
	for i, c := range b.opts.Configurations {
		var err error
		if out[i], err = b.goFor(c).Context(ctx, b.flagsFor(c)); err != nil {
			b.opts.log("which files a build has is taken from the environment: %v", err)
		}
	}
	return out
}

// goFor returns the go command of a configuration, for what changes nothing.
func (b *builds) goFor(c Configuration) gocmd.Runner {
	r := b.goCmd.With(c.settings()...)
	if b.work != "" {
		r = r.With("GOWORK=" + b.work)
	}
	return r
}

// listApart copies the workspace, where the go command would add to its sums.
func (r *run) listApart() error {
	file := r.mod.Workspace
	if file == "" || len(r.mod.Unfit) > 0 {
		return nil
	}
	data, err := modules.ReadFile(file, rooted.ModFile)
	if err != nil {
		return err
	}
	w, err := modules.ParseGoWork(file, data)
	if err != nil {
		return err
	}
	mod := ""
	for _, f := range append(modules.GoFlags(r.Env), r.flags...) {
		if value, ok := strings.CutPrefix(strings.TrimLeft(f, "-"), "mod="); ok {
			mod = value
		}
	}
	if !r.Layer.Empty() && mod == "" {
		// The go command reads vendor/modules.txt from the disk, whatever a layer has, and compares
		// it with the files of the layer.
		mod, r.flags = "readonly", append(r.flags, "-mod=readonly")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(file), "vendor", "modules.txt")); modules.TakesVendor(mod, w.Go, "go1.22") && (mod != "" || err == nil) {
		return nil // it has no use for sums, and the directory is where the file is
	}
	dir, err := r.goCmd.MkdirTemp("etcdmod-work-")
	if err != nil {
		return err
	}
	r.work = filepath.Join(dir, "go.work") // to be removed, also where it does not get that far
	return w.Relocated(dir, r.mod.Root)
}

// close removes what was copied.
func (r *run) close() {
	if r.work != "" {
		os.RemoveAll(filepath.Dir(r.work))
		r.work = ""
	}
}

// flagsFor returns the flags of a configuration and some more, for every go command that
// loads packages.
func (b *builds) flagsFor(c Configuration, more ...string) []string {
	flags := slices.Concat(b.flags, more)
	if tags := b.tags(c); len(tags) > 0 {
		flags = append(flags, "-tags="+strings.Join(tags, ","))
	}
	return flags
}

// note returns what a message ends with that is about one of several configurations.
func (b *builds) note(c Configuration) string {
	if len(b.opts.Configurations) == 1 {
		return ""
	}
	return " (" + c.String() + ")"
}

// supported reports whether the go command builds for the platforms that configurations
// name. It lists packages for any other one as well, as if they were empty.
func (b *builds) supported(ctx context.Context) error {
	for _, c := range b.opts.Configurations {
		if c.settings() == nil {
			continue
		}
		all, err := b.goCmd.Run(ctx, "tool", "dist", "list")
		if err != nil {
			return ctx.Err() // an installation without dist
		}
		names, err := b.goFor(c).Run(ctx, "env", "GOOS", "GOARCH")
		if err != nil {
			return err
		}
		pair := strings.Join(strings.Fields(string(names)), "/")
		if !slices.Contains(strings.Fields(string(all)), pair) {
			return fmt.Errorf("the go command does not build for %s; \"go tool dist list\" names what it builds for", pair)
		}
	}
	return nil
}

// A loaded is a program with the configuration that it is of.
type loaded struct {
	*load.Program
	config Configuration
}

// load loads packages in every configuration that has some of their files.
func (b *builds) load(ctx context.Context, cache *load.Cache, mod *discover.Module, pkgs []*discover.Package) (progs []loaded, err error) {
	if err := b.supported(ctx); err != nil {
		return nil, err
	}
	for i, c := range b.opts.Configurations {
		var dirs []string
		for _, p := range pkgs {
			if own := b.seen[i].Packages[p.Path]; own != nil && len(own.Files) > 0 {
				dirs = append(dirs, p.Dir)
			}
		}
		if len(dirs) == 0 {
			continue
		}
		b.opts.log("loading %d of %d packages%s", len(dirs), len(mod.Packages), b.note(c))
		prog, err := cache.Load(ctx, b.goFor(c), dirs, b.flagsFor(c))
		if err != nil {
			return nil, fmt.Errorf("%w%s", err, b.note(c))
		}
		progs = append(progs, loaded{prog, c})
	}
	return progs, nil
}

// verifyIn verifies a change in one configuration.
func (b *builds) verifyIn(ctx context.Context, i int, overlay map[string][]byte, packages, flags []string) (*verify.Result, error) {
	c := b.opts.Configurations[i]
	var some []string
	for _, path := range packages {
		if own := b.seen[i].Packages[path]; own != nil && len(own.Files) > 0 || len(b.seen) == 1 {
			some = append(some, path)
		}
	}
	var apart []string
	for _, p := range b.seen[i].Packages {
		if p.Apart && len(p.Files) > 0 {
			apart = append(apart, p.Path)
		}
	}
	return b.check(ctx, verify.Request{
		Go:       b.goCmd.With(c.settings()...),
		Overlay:  overlay,
		Packages: some,
		Apart:    apart,
		Flags:    b.flagsFor(c, flags...),
		Vet:      b.opts.Vet,
		Test:     b.opts.Test && !c.foreign(),
	})
}
