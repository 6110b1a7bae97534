package rollout

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"etcdmod/internal/bump"
	"etcdmod/internal/quote"

	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/internal/version"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// title is the first line of a commit and of a pull request. It promises no more than holds for
// all that the unit stands for: what was refused there goes on writing.
func title(dir string, u *Unit, bumps bool, rewritten, refused []*finding.Finding) string {
	where := quote.Title(dir)
	if dir == "." {
		where = "the root module"
	}
	key := ""
	if len(u.Keys) > 0 {
		key = strings.TrimPrefix(u.Keys[0], "@") // an owner is named, and not called
	}
	switch {
	case u.Refresh:
		return "Vendor what go.mod asks for in " + where
	case u.Prelude:
		return "etcd locks in " + where + ": what its changes share"
	case len(u.Keys) == 1 && u.Keys[0] != dir:
		where = fmt.Sprintf("%s (%s)", where, quote.Title(key))
	case len(u.Keys) > 1:
		where = fmt.Sprintf("%s (%s and %d more)", where, quote.Title(key), len(u.Keys)-1)
	}
	switch {
	case len(u.Tiers) == 0 && !bumps:
		return "Refresh go.mod and go.sum in " + where
	case len(u.Tiers) == 0:
		return "Bump etcd's client in " + where
	case len(rewritten) > 0 && !slices.ContainsFunc(rewritten, func(f *finding.Finding) bool { return !campaigns(f) }):
		return "Wait for etcd elections with fewer writes in " + where
	}
	what := "Wait for etcd locks"
	if !slices.ContainsFunc(rewritten, func(f *finding.Finding) bool { return !rewrite.Skips(f.Rule) }) {
		what = "Try for etcd locks"
	}
	if slices.ContainsFunc(rewritten, writes) || slices.ContainsFunc(refused, polls) {
		return what + " with fewer writes in " + where
	}
	return what + " without writing in " + where
}

// writes reports whether what a finding becomes writes while it waits.
func writes(f *finding.Finding) bool {
	return f.Tier > finding.Refuse && !slices.ContainsFunc(f.Differences, func(d finding.Difference) bool {
		return d.Kind == finding.TryAsksFirst || d.Kind == finding.TxnAsksFirst
	})
}

// campaigns reports whether what is rewritten is an election, and no lock.
func campaigns(f *finding.Finding) bool {
	return slices.ContainsFunc(f.Differences, func(d finding.Difference) bool { return d.Kind == finding.CampaignsLate })
}

// polls reports whether a finding that is refused is of something that goes on writing where it
// matters: no comment, and no test.
func polls(f *finding.Finding) bool { return f.Rule != finding.IgnoreRule && f.Counts() }

// describe writes the text of a pull request.
func (r *run) describe(res *pipeline.Result, p part, u *Unit, units []Unit) ([]byte, error) {
	var b bytes.Buffer
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# %s\n", quote.MarkdownText(u.Title))
	facts := r.factsOf(res, p, u, units)
	for _, text := range facts.told(intro) {
		say("%s\n", text)
	}
	if len(facts.next) > 0 {
		say("It goes before:\n\n- %s\n", strings.Join(facts.next, "\n- "))
	}

	found := *res
	found.Findings = p.findings
	if u.Refresh || !u.Prelude && !leads(u, units) {
		found.Bumps = nil // the first unit has them
	}
	if len(found.Findings)+len(found.Bumps) > 0 {
		say("## What was found\n")
		if err := fenced(&b, &found, func(w *bytes.Buffer, res *pipeline.Result) error { return report.Text(w, res) }); err != nil {
			return nil, err
		}
		meaning(&b, unmade(found.Bumps))
	}
	say("## What changes\n")
	say("| file | lines |\n|---|---|")
	for _, f := range u.Files {
		say("| %s | +%d −%d |", quote.Markdown(f.Path), f.Added, f.Removed)
	}
	say("")
	list := func(in section) {
		told := facts.told(in)
		for _, text := range told {
			say("- %s", text)
		}
		if len(told) > 0 {
			say("")
		}
	}
	list(changes)
	earned(&b, facts, res, p)
	if err := r.uncovered(&b, res, p, u, units); err != nil {
		return nil, err
	}
	say("## %s\n", evidence)
	list(evidence)
	if len(facts.told(rolling)) > 0 {
		say("## %s\n", rolling)
		list(rolling)
	}
	say("Made by etcdmod %s. `etcdmod explain` with a rule or a code from above says more.", version.Version)
	return b.Bytes(), nil
}

// earned says for each finding what keeps it from the next tier, and which edit would earn that.
func earned(b *bytes.Buffer, facts *facts, res *pipeline.Result, p part) {
	heading := "## " + string(earning) + "\n\n"
	for _, f := range p.findings {
		if !mayEarn(f) {
			continue
		}
		more := f.NextTier().String()
		if f.Tier == finding.Collapse {
			more = rewrite.LockStrategy.String()
		}
		why, _ := f.NotHigher.Code.Explain()
		fmt.Fprintf(b, "%s- %s is no %s (`%s`): %s", heading, fmt.Sprintf("%s:%d", quote.Markdown(res.Module.Rel(f.Pos.Filename)), f.Pos.Line), more, f.NotHigher.Code, why)
		fmt.Fprintf(b, " To earn it, %s.\n", f.NotHigher.Code.Earn())
		heading = ""
	}
	for _, text := range facts.told(earning) {
		fmt.Fprintf(b, "\n%s\n\n", text)
	}
}

// mayEarn reports whether an edit may get a finding a stronger tier: not where its rule gets no more, whatever
// keeps this loop from it besides.
func mayEarn(f *finding.Finding) bool {
	if f.NotHigher == nil || f.Tier == finding.Refuse || f.NotHigher.Code == finding.TierCapped && strings.HasPrefix(f.NotHigher.Detail, f.Rule) {
		return false
	}
	return f.Tier == finding.Collapse || rewrite.MayEarn(f.Rule, f.Tier, f.NotHigher.Code)
}

// uncovered names what the unit does not solve: findings that were refused in what it stands
// for, and, in the first unit, what was not looked at in the module.
func (r *run) uncovered(b *bytes.Buffer, res *pipeline.Result, p part, u *Unit, units []Unit) error {
	left := *res
	left.Bumps, left.Findings = nil, r.refused(res, p, u)
	left.Skipped, left.Tries = skipped(res, u, units)
	if len(left.Findings)+len(left.Skipped)+len(left.Tries) == 0 {
		return nil
	}
	fmt.Fprint(b, "## What is not covered\n\n")
	if err := fenced(b, &left, func(w *bytes.Buffer, res *pipeline.Result) error {
		if err := report.Text(w, res); err != nil {
			return err
		}
		return errors.Join(report.Skipped(w, res), report.Lost(w, res))
	}); err != nil {
		return err
	}
	var codes []finding.Code
	for _, f := range left.Findings {
		for _, r := range f.Refused {
			codes = append(codes, r.Code)
		}
	}
	for _, s := range left.Skipped {
		codes = append(codes, s.Reason)
	}
	meaning(b, codes)
	return nil
}

// unmade are the codes of requirements that are not bumped.
func unmade(bumps []bump.Bump) (codes []finding.Code) {
	for _, b := range bumps {
		switch {
		case b.Refused != nil:
			codes = append(codes, b.Refused.Code)
		case b.Action != modbump.Bump:
			codes = append(codes, b.Reason)
		}
	}
	return codes
}

// meaning says of each code what it means and what to do.
func meaning(b *bytes.Buffer, codes []finding.Code) {
	told := map[finding.Code]bool{}
	for _, c := range codes {
		why, ok := c.Explain()
		if !ok || told[c] {
			continue
		}
		told[c] = true
		fmt.Fprintf(b, "- `%s`: %s What to do: %s.\n", c, why, c.Earn())
	}
	if len(told) > 0 {
		b.WriteString("\n")
	}
}

// refused are the findings that are refused in what a unit stands for.
func (r *run) refused(res *pipeline.Result, p part, u *Unit) (out []*finding.Finding) {
	if u.Prelude {
		return nil
	}
	for _, f := range res.Findings {
		mine := len(p.keys) == 0 || slices.Contains(p.keys, r.key(r.rel(f.Pos.Filename), r.rel(res.Module.Root)))
		if f.Tier == finding.Refuse && mine {
			out = append(out, f)
		}
	}
	return out
}

// skipped is what was not covered and not followed, in the first unit of a module.
func skipped(res *pipeline.Result, u *Unit, units []Unit) (skips []finding.Skip, lost []finding.Try) {
	if u.Refresh || slices.ContainsFunc(units, func(o Unit) bool { return !o.Refresh && slices.Contains(u.After, o.ID) }) {
		return nil, nil
	}
	for _, t := range res.Tries {
		if t.Lost() {
			lost = append(lost, t)
		}
	}
	return res.Skipped, lost
}

// fenced writes a text as a block of code, whatever is in it.
func fenced(b *bytes.Buffer, res *pipeline.Result, write func(*bytes.Buffer, *pipeline.Result) error) error {
	var text bytes.Buffer
	if err := write(&text, res); err != nil {
		return err
	}
	fence := "```"
	for bytes.Contains(text.Bytes(), []byte(fence)) {
		fence += "`"
	}
	fmt.Fprintf(b, "%stext\n%s%s\n\n", fence, text.Bytes(), fence)
	return nil
}

// bumped reports whether a version of the client changes.
func bumped(res *pipeline.Result) bool {
	return slices.ContainsFunc(res.Bumps, func(b bump.Bump) bool { return b.Action == modbump.Bump && b.Refused == nil })
}

func code(names []string) string {
	var out []string
	for _, name := range names {
		out = append(out, quote.Markdown(name))
	}
	return strings.Join(out, ", ")
}
