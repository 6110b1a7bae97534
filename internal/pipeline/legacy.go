package pipeline

import (
	"os"
	"path/filepath"

	"etcdmod/internal/bump"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/legacy"
	"etcdmod/modbump"
)

// legacy reports what the files of other dependency tools in a directory pin etcd to.
func (r *run) legacy(dir string) {
	found, err := legacy.Find(dir)
	if err != nil {
		r.skip(dir, finding.SkipPins, err.Error())
	}
	for _, f := range found {
		r.res.Bumps = append(r.res.Bumps, bump.Bump{File: f.File, Finding: modbump.Finding{
			Rule: modbump.Rule, Module: "github.com/coreos/etcd", Version: f.Pin, Line: f.Line, Col: f.Col,
			Message: f.Message, Evidence: f.Evidence, Action: modbump.Report, Reason: finding.Pinned,
		}})
	}
	bump.Identify(r.res.Bumps, r.mod.Path)
}

// withoutModule looks at a directory outside of any module. Where the files of other tools
// have nothing to say either, there is none is the answer.
func (r *run) withoutModule(noModule error) (*Result, error) {
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, noModule
	}
	r.mod = &discover.Module{Root: dir, Repo: dir, GoModFile: filepath.Join(dir, "go.mod")}
	r.res = &Result{Module: r.mod}
	r.legacy(dir)
	if len(r.res.Bumps)+len(r.res.Skipped) == 0 {
		return nil, noModule
	}
	r.skip(dir, finding.SkipNoModule, "there is no go.mod here or above; the code was not looked at")
	r.finish()
	return r.res, nil
}
