package pipeline

import (
	"regexp"

	"etcdmod/internal/discover"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
)

// linkname is the directive by which a file takes what it does not import.
const linkname = "go:linkname"

var directive = regexp.MustCompile(`(?m)^//go:linkname[ \t]+\S+[ \t]+(\S+)`)

// pulled returns the symbols that linkname directives name in the files of some modules, also in those
// that no build has: what is linked need not be imported, so that any of them may name it.
func pulled(mod *discover.Module, others []*discover.Module) map[string][]string {
	out := map[string][]string{}
	read := func(name string) {
		src, err := modules.ReadFile(name, rooted.GoFile)
		if err != nil {
			return
		}
		for _, m := range directive.FindAllSubmatch(src, -1) {
			out[name] = append(out[name], string(m[1]))
		}
	}
	for _, m := range append(others, mod) {
		for _, p := range m.Packages {
			for _, f := range p.Ignored {
				if f.Mention[linkname] {
					read(f.Name)
				}
			}
			if p.Mentions(linkname) {
				for _, name := range p.Files {
					read(name)
				}
			}
		}
		for _, f := range m.Hidden {
			if f.Mention[linkname] {
				read(f.Name)
			}
		}
	}
	return out
}
