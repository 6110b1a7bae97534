package rollout

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/internal/bump"
	"etcdmod/internal/report"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"

	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/rollout/state"
	"etcdmod/rewrite"
)

// A recorder is a pipeline that remembers the directories of the modules that it was run in.
type recorder struct {
	mu   sync.Mutex
	ran  []string
	fail map[string]error
}

func (rec *recorder) steps() steps {
	return steps{grace: time.Second, run: func(ctx context.Context, o pipeline.Options) (*pipeline.Result, error) {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		rel, _ := filepath.Rel(o.Repo, o.Dir)
		rec.ran = append(rec.ran, filepath.ToSlash(rel))
		if err := rec.fail[filepath.Base(o.Dir)]; err != nil {
			return nil, err
		}
		res := result(o.Dir, "x.go", "y.go")
		res.Changes[1].New = []byte("\xff\xfe no UTF-8\n")
		return res, nil
	}}
}

// took returns the modules that were run since the last call.
func (rec *recorder) took() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	out := slices.Sorted(slices.Values(rec.ran))
	rec.ran = nil
	return out
}

// outputs are the files of an output directory that two equal runs have in common.
func outputs(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := below(t, dir)
	delete(out, TimesFile)
	return out
}

// A run whose context ends is gone on with: what was done is not done again, and the output
// is that of a run that came to its end.
func TestResume(t *testing.T) {
	root := tree(t, map[string][]string{"a": nil, "b": nil, "c": {"b"}, "d": {"c"}, "e": {"d"}})
	whole := Options{Root: root, By: ByDir, Jobs: 1, Out: t.TempDir()}
	rec := &recorder{}
	if _, err := start(t.Context(), whole, rec.steps()); err != nil {
		t.Fatal(err)
	}
	want := outputs(t, whole.Out)
	rec.took()

	opts := whole
	opts.Out, opts.State, opts.Resume = t.TempDir(), t.TempDir(), true
	for i, dir := range []string{"a", "b", "c", "d", "e"} {
		ctx, cancel := context.WithCancel(t.Context())
		opts.Progress = func(e Event) {
			if !e.Kept {
				cancel()
			}
			if e.Kept != (e.Done <= i) {
				t.Errorf("after %d interruptions: event %d: kept %v", i, e.Done, e.Kept)
			}
		}
		index, err := start(ctx, opts, rec.steps())
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%d: %v, %v", i, index, err)
		}
		if d := cmp.Diff([]string{dir}, rec.took()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		cancel()
	}
	opts.Progress = nil
	if _, err := start(t.Context(), opts, rec.steps()); err != nil {
		t.Fatal(err)
	}
	if ran := rec.took(); ran != nil {
		t.Errorf("ran %v", ran)
	}
	if d := cmp.Diff(want, outputs(t, opts.Out)); d != "" {
		t.Errorf("-uninterrupted +resumed:\n%s", d)
	}
}

// Failed repeats failures of every kind, and what was not done; Resume repeats none.
func TestFailedAgain(t *testing.T) {
	root := tree(t, map[string][]string{"ok": nil, "fails": nil, "panics": nil, "slow": nil})
	rec := &recorder{fail: map[string]error{"fails": errors.New("no"), "slow": context.DeadlineExceeded}}
	s := rec.steps()
	inner := s.run
	s.run = func(ctx context.Context, o pipeline.Options) (*pipeline.Result, error) {
		res, err := inner(ctx, o)
		switch {
		case rec.fail == nil:
		case filepath.Base(o.Dir) == "panics":
			panic("no")
		case filepath.Base(o.Dir) == "slow":
			<-ctx.Done()
		}
		return res, err
	}
	opts := Options{Root: root, By: ByModule, State: t.TempDir(), Timeout: 300 * time.Millisecond}
	index, err := start(t.Context(), opts, s)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]FailureKind{}
	for _, m := range index.Modules {
		if m.Failure != nil {
			kinds[m.Dir] = m.Failure.Kind
		}
	}
	if d := cmp.Diff(map[string]FailureKind{"fails": FailedError, "panics": FailedPanic, "slow": FailedTimeout}, kinds); d != "" {
		t.Fatal(d)
	}
	rec.took()
	rec.fail = nil
	opts.Timeout = 0
	opts.Resume = true
	if index, err = start(t.Context(), opts, s); err != nil || rec.took() != nil {
		t.Errorf("Resume has repeated failures: %v", err)
	}
	if index.Modules[0].Failure == nil {
		t.Error("Resume has lost a failure")
	}
	again := map[string]Again{}
	opts.Failed, opts.Progress = true, func(e Event) { again[e.Module.Dir] = e.Again }
	if index, err = start(t.Context(), opts, s); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"fails", "panics", "slow"}, rec.took()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff(map[string]Again{"ok": "", "fails": state.AgainFailed, "panics": state.AgainFailed, "slow": state.AgainFailed}, again); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, m := range index.Modules {
		if m.State != report.Changed || m.Failure != nil {
			t.Errorf("%s: %s, %v", m.Dir, m.State, m.Failure)
		}
	}
}

// A second process on the same state is turned away, and the first one goes on.
func TestStateLock(t *testing.T) {
	root := tree(t, map[string][]string{"m": nil})
	opts := Options{Root: root, By: ByModule, State: t.TempDir(), Resume: true}
	rec := &recorder{}
	s := rec.steps()
	inner := s.run
	s.run = func(ctx context.Context, o pipeline.Options) (*pipeline.Result, error) {
		if _, err := start(ctx, opts, steps{}); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "another etcdmod is at work") {
			t.Errorf("while another one is at work: %v", err)
		}
		return inner(ctx, o)
	}
	for range 2 {
		if _, err := start(t.Context(), opts, s); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"m"}, rec.took()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// Each option is a setting, which makes runs incomparable, or it is known to be none: a new
// one has to be put on one of the sides.
func TestSettings(t *testing.T) {
	root := tree(t, map[string][]string{"m": nil})
	settings := func(opts Options) Settings {
		t.Helper()
		index, err := start(t.Context(), opts, (&recorder{}).steps())
		if err != nil {
			t.Fatal(err)
		}
		return index.Source.Settings
	}
	plain := Options{Root: root, By: ByDir}
	base := settings(plain)
	cases := map[string]struct {
		change func(*Options)
		want   []string // the settings that differ
	}{
		"Root":     {nil, nil}, // see rollout_state_refused.txtar: only in a repository can there be another
		"Ignored":  {func(o *Options) { o.Ignored = true }, []string{"-ignored"}},
		"By":       {func(o *Options) { o.By = ByModule }, []string{"-by"}},
		"Services": {func(o *Options) { o.By, o.Services = ByService, []string{"cmd/*"} }, []string{"-by", "-service"}},
		"Owners":   {func(o *Options) { o.Owners = parseOwners("* @x") }, nil}, // counts as a file
		"Jobs":     {func(o *Options) { o.Jobs = 7 }, nil},
		"Timeout":  {func(o *Options) { o.Timeout = time.Hour }, nil},
		"Shard":    {func(o *Options) { o.Shard = Shard{1, 1} }, nil}, // is compared apart
		"Out":      {func(o *Options) { o.Out = t.TempDir() }, nil},
		"State":    {func(o *Options) { o.State = t.TempDir() }, nil},
		"Resume":   {func(o *Options) { o.State, o.Resume = t.TempDir(), true }, nil},
		"Failed":   {nil, nil},
		"Progress": {func(o *Options) { o.Progress = func(Event) {} }, nil},
		"Pipeline": {nil, nil},

		"Pipeline.Dir":      {func(o *Options) { o.Pipeline.Dir = "x" }, nil},
		"Pipeline.Patterns": {func(o *Options) { o.Pipeline.Patterns = []string{"x"} }, nil},
		"Pipeline.Env": {func(o *Options) {
			o.Pipeline.Env = append(os.Environ(), "GOFLAGS=-tags=z", "GOOS=plan9", "CGO_ENABLED=0")
		}, []string{"CGO_ENABLED", "GOFLAGS", "GOOS"}},
		"Pipeline.Tags":           {func(o *Options) { o.Pipeline.Tags = "x" }, []string{"-tags"}},
		"Pipeline.Configurations": {func(o *Options) { o.Pipeline.Configurations = []pipeline.Configuration{{Tags: []string{"x"}}} }, []string{"-config"}},
		"Pipeline.Tier":           {func(o *Options) { o.Pipeline.Tier = finding.Gate }, []string{"-tier"}},
		"Pipeline.Only": {func(o *Options) {
			o.Pipeline.Only = pipeline.Selection{Rules: []string{"trylock-poll"}, Tiers: []string{"guard"}}
		}, []string{"-only-tier", "-rule"}},
		"Pipeline.Strategy":     {func(o *Options) { o.Pipeline.Strategy = rewrite.LockStrategy }, []string{"-strategy"}},
		"Pipeline.Exported":     {func(o *Options) { o.Pipeline.Exported = rewrite.RewriteExported }, []string{"-exported-api"}},
		"Pipeline.HelperDir":    {func(o *Options) { o.Pipeline.HelperDir = "x" }, []string{"-helper-dir"}},
		"Pipeline.HelperImport": {func(o *Options) { o.Pipeline.HelperImport = "x" }, []string{"-helper-import"}},
		"Pipeline.HelperHeader": {func(o *Options) { o.Pipeline.HelperHeader = []byte("// x\n\n") }, []string{"-helper-header"}},
		"Pipeline.Forks":        {func(o *Options) { o.Pipeline.Forks = []string{"x"} }, []string{"-concurrency-pkg"}},
		"Pipeline.Bump":         {nil, nil},
		"Pipeline.Edit":         {func(o *Options) { o.Pipeline.Edit = true }, nil}, // a rollout always does
		"Pipeline.Vet":          {func(o *Options) { o.Pipeline.Vet = true }, []string{"-vet"}},
		"Pipeline.Test":         {func(o *Options) { o.Pipeline.Test = true }, []string{"-test"}},
		"Pipeline.Log":          {func(o *Options) { o.Pipeline.Log = func(string, ...any) {} }, nil},
		"Pipeline.Repo":         {func(o *Options) { o.Pipeline.Repo = "x" }, nil},
		"Pipeline.Layer":        {nil, nil}, // a rollout looks at what is on disk
		"Pipeline.Awaited":      {nil, nil}, // follows from the other modules
		"Pipeline.Tree":         {nil, nil}, // follows from the root
		"Pipeline.Neighbours":   {nil, nil}, // what is on disk

		"Bump.Only":     {nil, nil}, // a rollout looks for loops
		"Bump.Apart":    {nil, nil}, // a rollout sets it
		"Bump.All":      {func(o *Options) { o.Pipeline.Bump.All = true }, []string{"-all"}},
		"Bump.To":       {func(o *Options) { o.Pipeline.Bump.To = []module.Version{{Path: "x", Version: "v1.0.0"}} }, []string{"-to"}},
		"Bump.Pin":      {func(o *Options) { o.Pipeline.Bump.Pin = true }, []string{"-pin"}},
		"Bump.Offline":  {func(o *Options) { o.Pipeline.Bump.Offline = true }, []string{"-offline"}},
		"Bump.Tidy":     {func(o *Options) { o.Pipeline.Bump.Tidy = true }, []string{"-tidy"}},
		"Bump.Refresh":  {nil, nil}, // for modules of which one was bumped just now
		"Bump.Together": {nil, nil}, // follows from the tree
		"Bump.Tree":     {nil, nil}, // likewise
	}
	var fields []string
	for prefix, typ := range map[string]reflect.Type{"": reflect.TypeFor[Options](), "Pipeline.": reflect.TypeFor[pipeline.Options](), "Bump.": reflect.TypeFor[bump.Options]()} {
		for field := range typ.Fields() {
			fields = append(fields, prefix+field.Name)
		}
	}
	slices.Sort(fields)
	if d := cmp.Diff(fields, slices.Sorted(maps.Keys(cases))); d != "" {
		t.Errorf("-options +known here:\n%s", d)
	}
	for name, c := range cases {
		if c.change == nil {
			continue
		}
		opts := plain
		c.change(&opts)
		var got []string
		for _, d := range base.Differences(settings(opts)) {
			setting, _, _ := strings.Cut(d, ":")
			got = append(got, setting)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
	}
}

// A run that was killed leaves an output directory that the next one takes and clears,
// wherever it was: before there was an index, while a file was being written, and after the
// end.
func TestKilledOutput(t *testing.T) {
	root := tree(t, map[string][]string{"m": nil})
	opts := Options{Root: root, By: ByDir, Out: t.TempDir()}
	if _, err := start(t.Context(), opts, (&recorder{}).steps()); err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(maps.Keys(below(t, opts.Out)))
	const temp = ".etcdmod-0123456789abcdef"
	for _, left := range [][]string{
		{},
		{temp},
		{IndexFile, temp},
		{IndexFile, unitsDir + "/m-0123456789.patch", unitsDir + "/" + temp},
		{IndexFile, TimesFile, unitsDir + "/m-0123456789.patch", "report.html", temp},
	} {
		out := t.TempDir()
		for _, name := range left {
			text := "{\"format\": 1}"
			if err := os.MkdirAll(filepath.Dir(filepath.Join(out, name)), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		opts.Out = out
		if _, err := start(t.Context(), opts, (&recorder{}).steps()); err != nil {
			t.Errorf("%v: %v", left, err)
			continue
		}
		if d := cmp.Diff(want, slices.Sorted(maps.Keys(below(t, out)))); d != "" {
			t.Errorf("%v: -want +got:\n%s", left, d)
		}
	}
}

// below reads the files below a directory.
func below(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(os.DirFS(dir), name)
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
