package rollout

import (
	"encoding/json"
	"fmt"

	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout/state"
	"etcdmod/internal/version"
)

// openState opens the state of a run; nil where there is none.
func (r *run) openState() (*state.State, error) {
	if r.State == "" {
		if r.Resume || r.Failed {
			return nil, fmt.Errorf("%w: there is no state to go on with; -state names its directory", ErrUsage)
		}
		return nil, nil
	}
	// The output is emptied, and the state is not for it to empty.
	if r.Out != "" && (pathname.Below(realDir(r.Out), realDir(r.State)) || pathname.Below(realDir(r.State), realDir(r.Out))) {
		return nil, fmt.Errorf("%w: the state in %s and the output in %s have to be in directories of their own", ErrUsage, r.State, r.Out)
	}
	now := state.Run{Tool: version.Version, Shard: r.Shard.String(), Modules: len(r.tree.Modules), Settings: r.index.Source.Settings}
	return state.Open(r.State, now, state.Options{Resume: r.Resume, Failed: r.Failed})
}

// sums returns the checksums of what the results of the modules depend on.
func (r *run) newSums() *state.Sums {
	in := state.Inputs{Rel: r.rel, Common: "owners " + r.ownersSum(), Tests: r.Pipeline.Test}
	for _, dir := range []string{r.State, r.Out} {
		if dir != "" {
			in.Without = append(in.Without, realDir(dir))
		}
	}
	return state.NewSums(in)
}

// take gives what is recorded of a module, nil if it has to be done.
func (r *run) take(m *Module, sum string) (kept *Module, units []unitFiles, laid []state.File, again Again, err error) {
	rec, again, err := r.state.Take(m.Dir, sum)
	if rec == nil || err != nil {
		return nil, nil, nil, again, err
	}
	for _, f := range rec.Laid {
		if f.Name != "go.mod" && f.Name != "go.sum" {
			return nil, nil, nil, "", fmt.Errorf("the state has %s for the modules that are built with the one in %s, which no rollout records; begin anew with another directory", quote.Name(f.Name), quote.Name(m.Dir))
		}
	}
	kept = &Module{}
	if err := json.Unmarshal(rec.Result, kept); err != nil {
		return nil, nil, nil, "", fmt.Errorf("cannot read the state: %w", err)
	}
	if err := kept.check(); err != nil {
		return nil, nil, nil, "", fmt.Errorf("the state has what no rollout records: %w; begin anew with another directory", err)
	}
	if len(rec.Files) != 2*len(kept.Units) {
		return nil, nil, nil, "", fmt.Errorf("the state has %d files for %d units of the module in %s; begin anew with another directory", len(rec.Files), len(kept.Units), quote.Name(m.Dir))
	}
	kept.Seconds = rec.Seconds
	for i := 0; i+1 < len(rec.Files); i += 2 {
		patch, text := rec.Files[i], rec.Files[i+1]
		if u := kept.Units[i/2]; patch.Name != patchFile(u.ID) || text.Name != textFile(u.ID) {
			return nil, nil, nil, "", fmt.Errorf("the state names %s and %s, which no rollout writes for unit %s; begin anew with another directory", quote.Name(patch.Name), quote.Name(text.Name), u.ID)
		}
		units = append(units, unitFiles{patch.Name, patch.Content, text.Name, text.Content})
	}
	return kept, units, rec.Laid, "", nil
}

// put records a finished module.
func (r *run) put(m *Module, units []unitFiles, laid []state.File, sum string) error {
	result, err := json.Marshal(m)
	if err != nil {
		return err
	}
	rec := state.Module{Dir: m.Dir, Sum: sum, Failed: m.State == report.Failed, Result: result, Seconds: m.Seconds, Laid: laid}
	for _, u := range units {
		rec.Files = append(rec.Files, state.File{Name: u.patch, Content: u.diff}, state.File{Name: u.description, Content: u.text})
	}
	return r.state.Put(rec)
}
