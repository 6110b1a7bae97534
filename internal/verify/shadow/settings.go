package shadow

import (
	"context"
	"encoding/json"
	"fmt"
	"go/version"
	"os"
	"path/filepath"
	"strings"

	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
)

// settings are the user's settings as the go command sees them.
type settings struct {
	GOFLAGS     string
	GOMOD       string
	GOWORK      string // absolute path of go.work; empty outside a workspace
	GOARCH      string
	GOVERSION   string
	GOTOOLCHAIN string

	root  string   // the module directory as the caller spells it
	mod   string   // value of -mod, from GOFLAGS or the flags; empty is the go command's choice
	build []string // flags for every go command
	test  []string // flags for "go test" alone
}

// readSettings asks the go command. It fails when Dir is not the root of a module.
func readSettings(ctx context.Context, req Request) (*settings, error) {
	out, err := req.Go.Run(ctx, "env", "-json", "GOFLAGS", "GOMOD", "GOWORK", "GOARCH", "GOVERSION", "GOTOOLCHAIN")
	if err != nil {
		return nil, err
	}
	s := &settings{root: filepath.Clean(req.Go.Dir)}
	if err := json.Unmarshal(out, s); err != nil {
		return nil, fmt.Errorf("reading the output of go env: %w", err)
	}
	if s.GOWORK == "off" {
		s.GOWORK = ""
	}
	if !filepath.IsAbs(s.root) {
		return nil, fmt.Errorf("the module directory %s is not absolute", quote.Name(s.root))
	}
	if !sameFile(filepath.Dir(s.GOMOD), s.root) {
		return nil, fmt.Errorf("%s is not the root directory of a module: it has no go.mod", quote.Name(s.root))
	}
	s.build, s.test = splitFlags(req.Flags)

	goflags := strings.Fields(s.GOFLAGS)
	if _, set := flagValue(goflags, "overlay"); set {
		return nil, fmt.Errorf("GOFLAGS has an -overlay of its own; unset it, since there can be only one")
	}
	if _, set := flagValue(s.build, "overlay"); set {
		return nil, fmt.Errorf("the flags have an -overlay of their own; remove it, since there can be only one")
	}
	s.mod, _ = flagValue(append(goflags, s.build...), "mod")
	if s.mod == "mod" {
		// With -mod=mod the go command writes go.mod and go.sum. Both ignore vendor
		// directories, so the packages are the same.
		s.mod = "readonly"
		s.build = append(s.build, "-mod=readonly")
	}
	return s, nil
}

// goMod gives the path of the module's go.mod.
func (s *settings) goMod() string { return filepath.Join(s.root, "go.mod") }

// atLeast reports whether the go command is of a version or newer. One that was built
// from source has no version to compare.
func (s *settings) atLeast(v string) bool {
	have, _, _ := strings.Cut(s.GOVERSION, " ") // "go1.26.1 X:experiment"
	return version.IsValid(have) && version.Compare(have, v) >= 0
}

// spell names the files the way the module directory is named: the go command
// compares the paths of an overlay as text, and would silently ignore one that goes
// another way through symbolic links.
func (s *settings) spell(files map[string][]byte) map[string][]byte {
	real, err := filepath.EvalSymlinks(s.root)
	if err != nil {
		return files
	}
	spelled := make(map[string][]byte, len(files))
	for name, data := range files {
		name = filepath.Clean(name)
		if !pathname.Below(s.root, name) {
			if rel, ok := pathname.Rel(real, evalExisting(name)); ok {
				name = filepath.Join(s.root, rel)
			}
		}
		spelled[name] = data
	}
	return spelled
}

// evalExisting resolves the symbolic links in as much of name as exists.
func evalExisting(name string) string {
	for dir, rest := filepath.Dir(name), filepath.Base(name); ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return name
		}
		dir, rest = up, filepath.Join(filepath.Base(dir), rest)
	}
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// testFlags are the flags that "go test" knows and "go list" and "go vet" refuse;
// the value says whether one takes an argument.
var testFlags = map[string]bool{
	"count": true, "cpu": true, "parallel": true, "run": true, "shuffle": true,
	"skip": true, "timeout": true, "vet": true,
	"failfast": false, "fullpath": false, "short": false, "v": false,
}

// splitFlags separates the flags of "go test" from those of every go command.
func splitFlags(flags []string) (build, test []string) {
	for i := 0; i < len(flags); i++ {
		name, inline := flagName(flags[i])
		takes, ok := testFlags[strings.TrimPrefix(name, "test.")]
		switch {
		case !ok:
			build = append(build, flags[i])
		case takes && !inline && i+1 < len(flags):
			test = append(test, flags[i], flags[i+1])
			i++
		default:
			test = append(test, flags[i])
		}
	}
	return build, test
}

// flagValue gives the value of the last "-name=value" or "-name value".
func flagValue(flags []string, name string) (value string, set bool) {
	for i, f := range flags {
		n, inline := flagName(f)
		if n != name {
			continue
		}
		set = true
		if inline {
			_, value, _ = strings.Cut(f, "=")
		} else if i+1 < len(flags) {
			value = flags[i+1]
		}
	}
	return value, set
}

// flagName gives the name of a flag without dashes, and whether its value is in it.
func flagName(arg string) (name string, inline bool) {
	if !strings.HasPrefix(arg, "-") {
		return "", false
	}
	name = strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
	name, _, inline = strings.Cut(name, "=")
	return name, inline
}
