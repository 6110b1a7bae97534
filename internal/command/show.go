package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"

	"etcdmod/internal/change"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/quote"
	"etcdmod/internal/report"
)

// show writes the patch for a person at a terminal: the files that people wrote first, a line
// for each generated one, what was found, and what to do next. It goes through the pager, where
// there is one.
func (s *settings) show(ctx context.Context, env *Env, res *pipeline.Result, refresh, changes []change.Change) error {
	var own, generated []change.Change
	for _, c := range changes {
		if c.Generated && !s.unfold {
			generated = append(generated, c)
		} else {
			own = append(own, c)
		}
	}
	var out bytes.Buffer
	for _, part := range [][]change.Change{refresh, own} {
		if env.colourful(env.Stdout) {
			if err := patch.Colour(&out, shown(part)); err != nil {
				return err
			}
			continue
		}
		text, err := patch.Unified(part)
		if err != nil {
			return err
		}
		out.WriteString(quote.Content(string(text)))
	}
	if s.bump.Only { // which may go on with other modules
		_, err := env.Stdout.Write(out.Bytes())
		return err
	}
	if err := closing(&out, res, change.Compose(refresh, changes), generated); err != nil {
		return err
	}
	return env.page(ctx, out.Bytes())
}

// closing sums up a patch that was shown.
func closing(w io.Writer, res *pipeline.Result, changes, folded []change.Change) error {
	stats, err := patch.Stats(changes)
	if err != nil || len(stats) == 0 {
		return err
	}
	hidden := map[string]change.Change{}
	for _, c := range folded {
		hidden[c.Path] = c
	}
	files, added, removed := 0, 0, 0
	for _, st := range stats {
		c, ok := hidden[st.Path]
		if !ok {
			files, added, removed = files+1, added+st.Added, removed+st.Removed
			continue
		}
		if _, err := say(w, "%s: +%d -%d, generated, sha256 %x; -helper shows it\n", quote.Name(st.Path), st.Added, st.Removed, sha256.Sum256(c.New)); err != nil {
			return err
		}
	}
	_, err = say(w, "\n%s; %s +%d -%d%s\nNext, with the same flags: \"etcdmod apply\" writes this; \"etcdmod diff >lock.patch\" makes a patch for git apply.\n",
		report.Plural(len(res.Findings)+len(res.Bumps), "finding"), report.Plural(files, "file"), added, removed, besides(len(folded)))
	return err
}

func besides(folded int) string {
	if folded == 0 {
		return ""
	}
	return ", and " + report.Plural(folded, "generated file")
}

// shown gives changes for a terminal, which would do what the control characters of files say.
func shown(changes []change.Change) (out []change.Change) {
	for _, c := range changes {
		c.Old, c.New = []byte(quote.Content(string(c.Old))), []byte(quote.Content(string(c.New)))
		out = append(out, c)
	}
	return out
}
