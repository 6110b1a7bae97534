package rewrite_test

import (
	"context"
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/internal/load"
	"etcdmod/rewrite"
	"etcdmod/rewrite/internal/source"
)

// finer are loops that the second proof alone gives more than the first one does, with the reason
// why that is right too, by row and function.
var finer = map[string]string{
	"carried_values/swapped": "the first try alone has another context, whenever the others come",
	"clock_goto_sleep/each":  "the next mutex of the outer loop has a loop of its own",
	"clock_left/again":       "whether a clock is left behind is asked once, beside both proofs",
	"clock_left/behind":      "whether a clock is left behind is asked once, beside both proofs",
	"clock_left/early":       "whether a clock is left behind is asked once, beside both proofs",
	"clock_left/panics":      "whether a clock is left behind is asked once, beside both proofs",
	"clock_left/recovered":   "whether a clock is left behind is asked once, beside both proofs",
	"clock_left/round":       "whether a clock is left behind is asked once, beside both proofs",
	"clock_stopped/ticker":   "whether a clock is left behind is asked once, beside both proofs",
	"judge_outer_loop/first": "the mutex is looked up once, before its own loop",
	"present_mutex/ticker":   "a clock may be asked of a nil mutex, and nothing else may be nil",
	"present_mutex/waits":    "nobody sets the field while the function waits",
	"tick_off/may":           "whether a clock is left behind is asked once, beside both proofs",
	"tick_off/never":         "whether a clock is left behind is asked once, beside both proofs",
	"waits_twice/twoSelects": "a loop that is gone has no clock that could be a tick early",
}

// TestEitherProofAlone analyzes the loops of all rows with each proof switched off in turn. The
// first proof gives what both together give, but in the rows that show what only the second one
// sees: the reasons that people read are its own. The second one, which is given every edit that
// can be made, gives none that the first refuses, but for those in finer.
func TestEitherProofAlone(t *testing.T) {
	t.Parallel()
	dir, rows := unpack(t)
	before, err := load.NewCache().Load(context.Background(), goCommand(dir), dirsBelow(t, dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	objected := map[finding.Tier]int{}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			by := func(analyze func(*source.Input) *rewrite.Plan) map[string]*finding.Finding {
				plan := analyze(r.input(dir, before, nil))
				if _, err := plan.Changes(); err != nil {
					t.Fatal(err)
				}
				out := map[string]*finding.Finding{}
				for _, f := range plan.Findings {
					out[f.ID] = f
				}
				return out
			}
			both, first, second := by(rewrite.Analyze), by(rewrite.ByFirstProof), by(rewrite.BySecondProof)
			if len(first) != len(both) || len(second) != len(both) {
				t.Fatalf("%d findings, %d by the first proof, %d by the second", len(both), len(first), len(second))
			}
			for id, f := range both {
				if g := first[id]; g.Tier != f.Tier && !strings.HasPrefix(r.name, "judge_") {
					t.Errorf("%s: the first proof gives %v, both give %v: %v", f.Func, g.Tier, f.Tier, f.NotHigher)
				}
				g := second[id]
				if why := finer[r.name+"/"+f.Func]; g.Tier > f.Tier && why == "" {
					t.Errorf("%s: the second proof gives %v, both give %v: %v", f.Func, g.Tier, f.Tier, f.NotHigher)
				} else if g.Tier <= f.Tier && why != "" {
					t.Errorf("%s: the second proof gives no more than both: %v", f.Func, g.NotHigher)
				}
				if g.NotHigher != nil && g.NotHigher.Code == finding.JudgeDisagrees {
					objected[g.Tier]++
				}
			}
		})
	}
	if asked(t, "all rows") && (objected[finding.Guard] < 30 || objected[finding.Gate] < 10) {
		t.Errorf("the second proof alone has refused too little to say much: %v", objected)
	}
}
