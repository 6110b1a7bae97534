package rollout

import (
	"bytes"
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
)

// title is the first line of a commit and of a pull request.
func title(dir string, u *Unit) string {
	where := quote.Name(dir)
	if dir == "." {
		where = "the root module"
	}
	switch {
	case u.Prelude:
		return "etcd locks in " + where + ": what its changes share"
	case len(u.Keys) == 1 && u.Keys[0] != dir:
		where = fmt.Sprintf("%s (%s)", where, quote.Name(u.Keys[0]))
	case len(u.Keys) > 1:
		where = fmt.Sprintf("%s (%s and %d more)", where, quote.Name(u.Keys[0]), len(u.Keys)-1)
	}
	if len(u.Tiers) == 0 {
		return "Bump etcd's client in " + where
	}
	return "Wait for etcd locks without writing in " + where
}

// tiers says what each of them changes, and why that is safe.
var tiers = []struct{ name, text string }{
	{finding.Guard.String(), "`TryLock` reads before it writes, so nothing is written while another candidate holds the lock. " +
		"The constructor and the declared types that the mutex flows through are swapped together, for a type with the same methods; the compiler checks that. Control flow and pace stay."},
	{finding.Gate.String(), "As guard, and the clock of the loop also fires when the lock is released. The old interval stays the upper bound, " +
		"and the clock paces this retry and nothing else."},
	{finding.Collapse.String(), "The loop becomes one call that waits for the holder's key to go. Success left the loop on every path, a failed round did nothing but wait, " +
		"and errors have the way out that they had. One thing differs: when the session has ended, the call says so with `concurrency.ErrSessionExpired`, where a loop would have retried a dead lease for ever."},
}

// describe writes the text of a pull request.
func (r *run) describe(res *pipeline.Result, p part, u *Unit, units []Unit) ([]byte, error) {
	var b bytes.Buffer
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# %s\n", heading(u.Title))
	if u.Prelude {
		say("This comes before the other changes of the module, which share it. By itself it changes nothing that the program does%s.\n",
			map[bool]string{true: ", apart from the version of etcd's client", false: ""}[bumped(res)])
	} else if len(p.findings) > 0 {
		say("A `TryLock` of `concurrency.Mutex` that fails is not a read: it puts a key and deletes it again, which costs two raft log entries and two revisions. " +
			"Whatever polls it fills etcd for as long as somebody else holds the lock. With this change, waiting writes nothing.\n")
	}
	if len(u.Owners) > 0 {
		say("Owners: %s\n", strings.Join(u.Owners, " "))
	}
	if len(u.Keys) > 1 {
		say("What changes in %s compiles only as a whole, so it is one change.\n", code(u.Keys))
	}
	if len(u.After) > 0 {
		say("Merge `%s` first. The order of the others does not matter.\n", strings.Join(u.After, "`, `"))
	}
	if u.Prelude {
		say("It goes before:\n")
		for _, other := range units[1:] {
			say("- `%s`: %s", other.ID, heading(other.Title))
		}
		say("")
	}

	found := *res
	found.Findings = p.findings
	if !u.Prelude && u.ID != units[0].ID {
		found.Bumps = nil // the first unit has them
	}
	if len(found.Findings)+len(found.Bumps) > 0 {
		say("## What was found\n")
		if err := fenced(&b, &found, func(w *bytes.Buffer, res *pipeline.Result) error { return report.Text(w, res) }); err != nil {
			return nil, err
		}
	}
	say("## What changes\n")
	say("| file | lines |\n|---|---|")
	for _, f := range u.Files {
		say("| %s | +%d −%d |", quote.Markdown(f.Path), f.Added, f.Removed)
	}
	say("")
	for _, t := range tiers {
		if n := u.Tiers[t.name]; n > 0 {
			say("- **%s** (%s): %s", t.name, count(n, "finding"), t.text)
		}
	}
	if len(u.Tiers) > 0 {
		say("")
	}

	if err := r.uncovered(&b, res, p, u); err != nil {
		return nil, err
	}

	say("## Evidence\n")
	say("- Every changed package of the module, its tests and everything that imports it compile as before%s%s.",
		when(r.Pipeline.Vet, ", and `go vet` has nothing new to say"), when(r.Pipeline.Test, ", and the tests that passed still pass"))
	if len(units) > 1 && !u.Prelude {
		say("- The same holds for this change%s without the other units of the module.", when(len(u.After) > 0, " with the prelude and"))
	}
	say("- Bytes outside of the changed declarations and the import block are as they were, and no comment is lost.")
	say("- `git apply -R` takes the change back.")
	say("\nMade by etcdmod %s. `etcdmod explain` with a rule or a code from above says more.", version.Version)
	return b.Bytes(), nil
}

// uncovered names what the unit does not solve: findings that were refused in what it stands
// for, and, in the first unit, what was not looked at in the module.
func (r *run) uncovered(b *bytes.Buffer, res *pipeline.Result, p part, u *Unit) error {
	left := *res
	left.Findings, left.Bumps, left.Skipped = nil, nil, nil
	mine := func(file string) bool {
		return !u.Prelude && (len(p.keys) == 0 || slices.Contains(p.keys, r.key(r.rel(file), r.rel(res.Module.Root))))
	}
	for _, f := range res.Findings {
		if f.Tier == finding.Refuse && mine(f.Pos.Filename) {
			left.Findings = append(left.Findings, f)
		}
	}
	if len(u.After) == 0 {
		left.Skipped = res.Skipped
	}
	if len(left.Findings)+len(left.Skipped) == 0 {
		return nil
	}
	fmt.Fprint(b, "## What is not covered\n\n")
	return fenced(b, &left, func(w *bytes.Buffer, res *pipeline.Result) error {
		if err := report.Text(w, res); err != nil {
			return err
		}
		return report.Skipped(w, res)
	})
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

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func when(cond bool, text string) string {
	if cond {
		return text
	}
	return ""
}

// heading is a title within Markdown: as it is, unless something in it means something there.
func heading(title string) string {
	if strings.ContainsAny(title, "`<>@|[]\\\n\"*#&") {
		return quote.MarkdownText(title)
	}
	return title
}
