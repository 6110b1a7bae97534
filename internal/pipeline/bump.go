package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/gosum"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// bumps judges the requirements of go.mod.
func (r *run) bumps(ctx context.Context) error {
	plan, err := modbump.Plan(r.mod.GoModFile, r.mod.GoMod)
	if err != nil {
		return err
	}
	r.edits = plan.Edits
	vendored := exists(filepath.Join(r.mod.Root, "vendor", "modules.txt"))
	linked := map[string]bool{}
	for _, f := range plan.Findings {
		b := Bump{Finding: f}
		if b.Action == modbump.Bump {
			if _, known := linked[b.Module]; !known {
				linked[b.Module] = r.linked(ctx, b.Module)
			}
			switch {
			case !linked[b.Module]:
				b.Action, b.Reason = modbump.Report, modbump.NotLinked
			case vendored:
				b.Refused = &Refusal{Code: gosum.ReasonVendored, Detail: gosum.ErrVendored.Error()}
			}
		}
		r.res.Bumps = append(r.res.Bumps, b)
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// linked reports whether a package of a required module is part of what is built or
// tested. Where the module's own files do not say so, the go command is asked; when that
// has no answer either, the module counts as linked.
func (r *run) linked(ctx context.Context, mod string) bool {
	if len(r.importers(mod)) > 0 {
		return true
	}
	r.log("asking whether %s is part of what is built", mod)
	args := append([]string{"list", "-deps", "-test", "-f", "{{with .Module}}{{.Path}}{{end}}"}, r.flags...)
	out, err := r.goCmd.Run(ctx, append(args, "./...")...)
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(out)) {
		if strings.TrimSpace(line) == mod {
			return true
		}
	}
	return false
}

// importers returns the import paths of the packages that import one of a module.
func (r *run) importers(mod string) []string {
	var out []string
	for _, p := range r.mod.Packages {
		for ip := range p.Imports {
			if ip == mod || strings.HasPrefix(ip, mod+"/") {
				out = append(out, p.Path)
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

// bumped returns the packages that import one of a bumped module.
func (r *run) bumped() []string {
	var out []string
	for _, b := range r.res.Bumps {
		if b.Action == modbump.Bump && b.Refused == nil {
			out = append(out, r.importers(b.Module)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// refuseBumps takes back every bump.
func (r *run) refuseBumps(why Refusal) {
	for i := range r.res.Bumps {
		if b := &r.res.Bumps[i]; b.Action == modbump.Bump && b.Refused == nil {
			b.Refused = &why
		}
	}
}

// bumpChanges makes the bumps that the policy wants: the edited go.mod, with the go.sum
// that it needs. It refuses them where the build would not come to use the new version.
func (r *run) bumpChanges(ctx context.Context) ([]rewrite.Change, error) {
	edited := r.editedGoMod()
	if bytes.Equal(edited, r.mod.GoMod) {
		return nil, nil
	}
	sumFile := filepath.Join(r.mod.Root, "go.sum")
	oldSum, err := os.ReadFile(sumFile)
	missing := errors.Is(err, os.ErrNotExist)
	if err != nil && !missing {
		return nil, fmt.Errorf("cannot read go.sum: %w", err)
	}
	r.log("completing go.sum for the edited go.mod")
	newSum, _, err := gosum.Complete(ctx, r.goCmd, edited, oldSum)
	if err != nil {
		return nil, r.unfit(ctx, err)
	}
	for _, b := range r.res.Bumps {
		if b.Action != modbump.Bump || b.Refused != nil {
			continue
		}
		got, err := gosum.Selected(ctx, r.goCmd, edited, newSum, b.Module)
		if err == nil && got != b.Target && r.mod.Workspace != "" {
			// Another module of the workspace asks for more; this one is also built alone.
			got, err = gosum.Selected(ctx, r.goCmd.With("GOWORK=off"), edited, newSum, b.Module)
		}
		if err != nil {
			return nil, r.unfit(ctx, err)
		}
		if got != b.Target {
			r.refuseBumps(Refusal{Code: gosum.ReasonNotSelected, Detail: fmt.Sprintf(
				"another requirement makes the go command select %s %s; \"go mod graph\" says which", b.Module, got)})
			return nil, nil
		}
	}
	out := []rewrite.Change{{Path: r.mod.GoModFile, Old: r.mod.GoMod, New: edited}}
	if !bytes.Equal(oldSum, newSum) {
		out = append(out, rewrite.Change{Path: sumFile, Old: oldSum, New: newSum, Created: missing})
	}
	return out, nil
}

// unfit refuses the bumps for what the go command said about them. It returns the errors
// that say nothing about them.
func (r *run) unfit(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, gocmd.ErrNoGo) {
		return err
	}
	why := Refusal{Code: gosum.Reason(err), Detail: r.local(err.Error())}
	if why.Code == "" {
		why.Code = codeGoSum
	}
	var incomplete *gosum.IncompleteError
	if errors.As(err, &incomplete) {
		why.Wanted = incomplete.Wanted
	}
	r.refuseBumps(why)
	return nil
}

// editedGoMod returns the go.mod with the bumps that are not refused.
func (r *run) editedGoMod() []byte {
	wanted := map[int]bool{} // by line
	for _, b := range r.res.Bumps {
		wanted[b.Line] = wanted[b.Line] || b.Action == modbump.Bump && b.Refused == nil
	}
	var out []byte
	done := 0
	for _, e := range r.edits {
		if wanted[e.Line] {
			out = append(append(out, r.mod.GoMod[done:e.Start]...), e.New...)
			done = e.End
		}
	}
	return append(out, r.mod.GoMod[done:]...)
}
