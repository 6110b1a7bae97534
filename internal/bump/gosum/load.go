package gosum

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
)

// changed returns the requirements of after that before does not have.
func changed(before, after *modules.GoMod) []module.Version {
	was, is := before.Requirements(), after.Requirements()
	var list []module.Version
	for _, path := range slices.Sorted(maps.Keys(is)) {
		if was[path] != is[path] {
			list = append(list, module.Version{Path: path, Version: is[path]})
		}
	}
	return list
}

// download gets module versions into the module cache and returns the two
// go.sum entries of each. The first that cannot be had is the error.
func download(ctx context.Context, r gocmd.Runner, s *scratch, mods []module.Version) (map[entry]bool, error) {
	sums := make(map[entry]bool)
	if len(mods) == 0 {
		return sums, nil
	}
	args := []string{"mod", "download", "-modfile=" + s.modfile(), "-json", "--"}
	for _, mod := range mods {
		args = append(args, mod.String())
	}
	out, runErr := r.Run(ctx, args...)
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var got struct{ Path, Version, Sum, GoModSum, Error string }
		if err := dec.Decode(&got); err != nil {
			return nil, errors.Join(runErr, err)
		}
		if got.Error != "" {
			if typed := classify(got.Error); typed != nil {
				return nil, typed
			}
			return nil, &UnavailableError{Path: got.Path, Version: got.Version, Detail: oneLine(got.Error)}
		}
		sums[entry{got.Path, got.Version, got.Sum}] = true
		sums[entry{got.Path, got.Version + "/go.mod", got.GoModSum}] = true
	}
	return sums, explain(runErr)
}

// load loads the metadata of packages and their dependencies, and with the flag -test
// of their tests, and returns what the go command says about each package that has an error. The
// flags say which go.mod to use and whether it and its go.sum may change.
func load(ctx context.Context, r gocmd.Runner, packages []string, flags ...string) (map[string]string, error) {
	args := append([]string{"list"}, flags...)
	args = append(args, "-e", "-deps", "-f", "{{if .Error}}{{printf \"%q\" .ImportPath}} {{printf \"%q\" .Error.Err}}{{end}}", "--")
	out, err := r.Run(ctx, append(args, packages...)...)
	if err != nil {
		return nil, explain(err)
	}
	errs := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, text, ok := cutQuoted(line)
		if ok {
			errs[path] = text
		}
	}
	return errs, nil
}
