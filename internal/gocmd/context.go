package gocmd

import (
	"context"
	"fmt"
	"go/build"
	"strings"
)

// contextFormat prints what files of a package are chosen by, a setting a line.
const contextFormat = `{{with context}}GOOS {{.GOOS}}
GOARCH {{.GOARCH}}
Compiler {{.Compiler}}
Cgo {{.CgoEnabled}}
{{range .BuildTags}}Build {{.}}
{{end}}{{range .ToolTags}}Tool {{.}}
{{end}}{{range .ReleaseTags}}Release {{.}}
{{end}}{{end}}`

// Context asks the go command by what it chooses the files of packages, with build flags. The
// answer knows what no environment tells: whether there is a C compiler, and the tags that
// flags, experiments and variants of a processor bring.
func (r Runner) Context(ctx context.Context, flags []string) (*build.Context, error) {
	out, err := r.Run(ctx, append(append([]string{"list"}, flags...), "-f", contextFormat, "unsafe")...)
	if err != nil {
		return nil, err
	}
	c := build.Default
	c.BuildTags, c.ToolTags, c.ReleaseTags = nil, nil, nil
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "GOOS":
			c.GOOS = value
		case "GOARCH":
			c.GOARCH = value
		case "Compiler":
			c.Compiler = value
		case "Cgo":
			c.CgoEnabled = value == "true"
		case "Build":
			c.BuildTags = append(c.BuildTags, value)
		case "Tool":
			c.ToolTags = append(c.ToolTags, value)
		case "Release":
			c.ReleaseTags = append(c.ReleaseTags, value)
		default:
			return nil, fmt.Errorf("go list (in %s) says %q of its build context", r.Dir, line)
		}
	}
	return &c, nil
}
