package modbump

import (
	"fmt"
	"go/version"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// A choice is the version to bump to.
type choice struct {
	target string
	reason Reason // why there is none
	clause string // says so
}

// chooseTarget returns the first version that a module can be bumped to: safe, without any
// of the defects that are to go, above the
// one that is built, to be had, and let through by the go.mod. Among those it prefers one
// that compiles with the grpc that is built and one that leaves the go line alone.
func (p *planner) chooseTarget(built module.Version, broken []*Defect, targets []string) choice {
	var passed []string
	var first Reason
	var fit []string
	missing := ""
	for _, v := range targets {
		to := module.Version{Path: built.Path, Version: v}
		why, clause := p.obstacle(built, to, broken)
		if why == "" {
			fit = append(fit, v)
			continue
		}
		if first == "" {
			first = why
		}
		if why == VersionUnavailable || why == NeedsNewerGo {
			// The same words but for the version need not be repeated.
			words := strings.ReplaceAll(p.opts.Missing[to], v, "")
			if words == missing {
				clause = v + " neither"
			}
			missing = words
		}
		passed = append(passed, clause)
	}
	if len(fit) == 0 {
		return choice{reason: first, clause: "it cannot be bumped: " + strings.Join(passed, ", ")}
	}
	best := fit[0]
	for _, v := range fit {
		if p.suits(module.Version{Path: built.Path, Version: v}) {
			best = v
			break
		}
	}
	clause := best + " fixes this"
	if best != targets[0] && len(passed) == 0 {
		passed = append(passed, targets[0]+" does not go with this go.mod")
	}
	// What sorts behind the chosen one need not be excused.
	passed = slices.DeleteFunc(passed, func(c string) bool {
		i := slices.Index(targets, strings.Fields(c)[0])
		return i > slices.Index(targets, best)
	})
	return choice{target: best, clause: strings.Join(append(passed, clause), ", ")}
}

// obstacle says why a version cannot be bumped to.
func (p *planner) obstacle(built, to module.Version, broken []*Defect) (Reason, string) {
	switch {
	case semver.Compare(to.Version, built.Version) <= 0:
		// Only a pseudo-version with a far base sorts as high as a version of the table.
		return NoSafeVersion, to.Version + " sorts below it"
	case excluded(p.file, to):
		return ExcludedTarget, to.Version + " is excluded here"
	case p.file != nil && replaceOf(p.file, to) != nil && replaceOf(p.file, to).Old.Version != "":
		return ReplacedTarget, to.Version + " is replaced here"
	}
	if why, missing := p.opts.Missing[to]; missing {
		return BlameMissing(why), fmt.Sprintf("%s cannot be had (%s)", to.Version, why)
	}
	if row, bad := Judge(to.Path, to.Version); bad {
		// What matters only sometimes speaks against it where it is what is to be mended.
		same := slices.ContainsFunc(row.Broken, func(d *Defect) bool { return slices.Contains(broken, d) })
		if same || row.Only.Path == "" && !row.Quiet {
			return UnsafeTarget, to.Version + " " + row.Does()
		}
	}
	if isPlaceholder(to.Version) {
		return UnsafeTarget, to.Version + " is a placeholder"
	}
	return "", ""
}

// suits reports whether nothing speaks against a version but what else it changes.
func (p *planner) suits(to module.Version) bool {
	if p.opts.Build != nil {
		if _, fits, _ := GRPC(to, p.opts.Build.GRPC); !fits {
			return false
		}
	}
	line := goLine(to)
	return line == "" || p.file.Go == nil || version.Compare("go"+line, "go"+p.file.Go.Version) <= 0
}

// goLines are the go directives of releases of go.etcd.io/etcd/client/v3 that are targets.
var goLines = map[string]string{
	"v3.5.15": "1.21", "v3.5.33": "1.25", "v3.6.0": "1.23", "v3.6.14": "1.25", "v3.7.1": "1.26",
}

// goLine returns the go directive of a target; "" where it is not known or does not matter.
func goLine(mod module.Version) string {
	if mod.Path != pathClientV3 && mod.Path != pathPkg {
		return ""
	}
	return goLines[mod.Version]
}

// lockstep are the modules that are released with one version and built from each other.
var lockstep = []string{pathClientV3, pathAPI, pathPkg}

// lockstep moves the modules that are released together with bumped ones to one version.
func (p *planner) lockstep() error {
	target := ""
	for _, f := range p.findings {
		if f.Action == Bump && !f.Replacement && slices.Contains(lockstep, f.Module) && semver.Compare(f.Target, target) > 0 {
			target = f.Target
		}
	}
	if target == "" {
		return nil
	}
	var edits []Edit
	for _, require := range p.file.Require {
		if !slices.Contains(lockstep, require.Mod.Path) || semver.Compare(require.Mod.Version, target) >= 0 {
			continue
		}
		e, err := bumpRequire(p.gomod, require, target)
		if err != nil {
			return err
		}
		edits = append(edits, e)
	}
	for i := range p.findings {
		f := &p.findings[i]
		if f.Action != Bump || f.Replacement || !slices.Contains(lockstep, f.Module) {
			continue
		}
		if f.Target != target {
			f.Message = fmt.Sprintf("%s, and so does %s, which the modules that are released together move to", f.Message, target)
			f.Target = target
		}
		f.Edits = edits
	}
	return nil
}
