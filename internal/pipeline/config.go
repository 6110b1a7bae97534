package pipeline

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"etcdmod/internal/discover"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/load"
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

// tags returns all build tags of a configuration.
func (r *run) tags(c Configuration) []string {
	all := strings.FieldsFunc(r.Tags, func(c rune) bool { return c == ',' || c == ' ' })
	for _, t := range c.Tags {
		if !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

// discover reads the module as each configuration sees it, and joins that.
func (r *run) discover(opts discover.Options) (*discover.Module, error) {
	if len(r.Configurations) == 0 {
		r.Configurations = []Configuration{{}}
	}
	r.seen = nil
	for _, c := range r.Configurations {
		env := r.Env
		if env == nil {
			env = os.Environ()
		}
		opts.Env, opts.Tags = append(slices.Clone(env), c.settings()...), r.tags(c)
		mod, err := discover.Find(r.Dir, opts)
		if err != nil {
			return nil, err
		}
		r.seen = append(r.seen, mod)
	}
	return discover.Union(r.seen), nil
}

// goFor returns the go command of a configuration.
func (r *run) goFor(c Configuration) gocmd.Runner { return r.goCmd.With(c.settings()...) }

// flagsFor returns the flags of a configuration, for every go command that loads packages.
func (r *run) flagsFor(c Configuration) []string {
	flags := slices.Clone(r.flags)
	if tags := r.tags(c); len(tags) > 0 {
		flags = append(flags, "-tags="+strings.Join(tags, ","))
	}
	return flags
}

// note returns what a message ends with that is about one of several configurations.
func (r *run) note(c Configuration) string {
	if len(r.Configurations) == 1 {
		return ""
	}
	return " (" + c.String() + ")"
}

// supported reports whether the go command builds for the platforms that configurations
// name. It lists packages for any other one as well, as if they were empty.
func (r *run) supported(ctx context.Context) error {
	for _, c := range r.Configurations {
		if c.settings() == nil {
			continue
		}
		all, err := r.goCmd.Run(ctx, "tool", "dist", "list")
		if err != nil {
			return ctx.Err() // an installation without dist
		}
		names, err := r.goFor(c).Run(ctx, "env", "GOOS", "GOARCH")
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
func (r *run) load(ctx context.Context, pkgs []*discover.Package) (progs []loaded, err error) {
	if err := r.supported(ctx); err != nil {
		return nil, err
	}
	cache := load.NewCache()
	for i, c := range r.Configurations {
		var dirs []string
		for _, p := range pkgs {
			if own := r.seen[i].Packages[p.Path]; own != nil && len(own.Files) > 0 {
				dirs = append(dirs, p.Dir)
			}
		}
		if len(dirs) == 0 {
			continue
		}
		r.log("loading %d of %d packages%s", len(dirs), len(r.mod.Packages), r.note(c))
		prog, err := cache.Load(ctx, r.goFor(c), dirs, r.flagsFor(c))
		if err != nil {
			return nil, fmt.Errorf("%w%s", err, r.note(c))
		}
		progs = append(progs, loaded{prog, c})
	}
	return progs, nil
}

// verifyIn verifies a change in one configuration.
func (r *run) verifyIn(ctx context.Context, i int, overlay map[string][]byte, packages []string) (*verify.Result, error) {
	c := r.Configurations[i]
	var some []string
	for _, path := range packages {
		if own := r.seen[i].Packages[path]; own != nil && len(own.Files) > 0 || len(r.seen) == 1 {
			some = append(some, path)
		}
	}
	return r.check(ctx, verify.Request{
		Go:       r.goFor(c),
		Overlay:  overlay,
		Packages: some,
		Flags:    r.flagsFor(c),
		Vet:      r.Vet,
		Test:     r.Test && !c.foreign(),
	})
}
