package pipeline

import (
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"etcdmod/internal/discover"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
)

var embeds = regexp.MustCompile(`(?m)^[ \t]*//go:embed[ \t]+(.+)$`)

// embedded returns the Go files of a module that some file takes into a program as data, with that file: also
// where no build has it.
func embedded(mod *discover.Module) map[string]string {
	out := map[string]string{}
	for _, at := range slices.Sorted(maps.Keys(mod.Packages)) {
		p := mod.Packages[at]
		var by []string
		if p.Imports["embed"] {
			by = append(by, p.Files...)
		}
		for _, f := range p.Ignored {
			if slices.Contains(f.Imports, "embed") {
				by = append(by, f.Name)
			}
		}
		for _, name := range by {
			src, err := modules.ReadFile(name, rooted.GoFile)
			if err != nil {
				continue
			}
			for _, m := range embeds.FindAllSubmatch(src, -1) {
				for _, pattern := range patterns(string(m[1])) {
					taken(mod, p.Dir, pattern, name, out)
				}
			}
		}
	}
	return out
}

// taken notes the files of a module that a pattern takes, which a file in dir has.
func taken(mod *discover.Module, dir, pattern, by string, out map[string]string) {
	for _, p := range mod.Packages {
		for _, name := range p.Files {
			rel, err := filepath.Rel(dir, name)
			if err != nil || !fs.ValidPath(filepath.ToSlash(rel)) {
				continue // not below it
			}
			if _, known := out[name]; !known && matches(pattern, filepath.ToSlash(rel)) {
				out[name] = by
			}
		}
	}
}

// matches reports whether a pattern takes a file, or a directory around it. Of a directory it takes no hidden files,
// unless it says all.
func matches(pattern, rel string) bool {
	pattern, all := strings.CutPrefix(pattern, "all:")
	for at := rel; at != "."; at = path.Dir(at) {
		if ok, err := path.Match(pattern, at); err != nil || !ok {
			continue
		}
		below := strings.Split(strings.TrimPrefix(rel[len(at):], "/"), "/")
		if all || !slices.ContainsFunc(below, func(s string) bool { return strings.HasPrefix(s, ".") || strings.HasPrefix(s, "_") }) {
			return true
		}
	}
	return pattern == "."
}

// patterns splits what a directive says, in which some may be quoted.
func patterns(s string) (out []string) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if quoted, err := strconv.QuotedPrefix(s); err == nil && s[0] != '\'' {
			if p, err := strconv.Unquote(quoted); err == nil {
				out = append(out, p)
			}
			s = s[len(quoted):]
			continue
		}
		word := strings.Fields(s)[0]
		out = append(out, word)
		s = s[len(word):]
	}
	return out
}
