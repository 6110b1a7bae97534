package owners

import (
	"slices"
	"strings"

	"github.com/hmarr/codeowners"
)

// hub is the rules of GitHub: the last one that matches says it all.
type hub codeowners.Ruleset

func parseGitHub(f *File, text string) hub {
	var out hub
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		pattern, _ := cutPattern(line)
		switch {
		case pattern == "/":
			continue // matches nothing, and the library does not expect it
		case strings.HasPrefix(pattern, "!"), strings.HasPrefix(pattern, `\#`), strings.Contains(pattern, "["):
			// As GitHub's documentation says of gitignore's rules that do not work here.
			f.problem(n, "GitHub does not know the pattern %s; the line is left out", pattern)
			continue
		}
		// Line by line: GitHub passes over one that it does not understand.
		rules, err := codeowners.ParseFile(strings.NewReader(line))
		if err != nil {
			f.problem(n, "%s; the line is left out", strings.TrimPrefix(err.Error(), "line 1: "))
			continue
		}
		for i := range rules {
			rules[i].Owners = slices.DeleteFunc(rules[i].Owners, func(o codeowners.Owner) bool {
				flag := strings.HasPrefix(o.String(), "-")
				if flag { // to a command that is given the owners
					f.problem(n, "%q is no owner", o.String())
				}
				return flag
			})
		}
		out = append(out, rules...)
	}
	return out
}

func (h hub) owners(path string) (out []Owner) {
	rule, err := codeowners.Ruleset(h).Match(path)
	if err != nil || rule == nil {
		return nil
	}
	for _, o := range rule.Owners {
		out = append(out, Owner{Name: o.String()})
	}
	return out
}
