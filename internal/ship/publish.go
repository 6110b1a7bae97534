package ship

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"etcdmod/internal/procgroup"
	"etcdmod/internal/quote"
	"etcdmod/internal/rollout"
	"etcdmod/internal/rooted"
)

// publish runs the command for every unit that can leave.
func (s *Shipper) publish(ctx context.Context, index *rollout.Index) error {
	out, err := filepath.Abs(s.Out)
	if err != nil {
		return err
	}
	before, err := openRecord(ctx, out, index)
	if err != nil {
		return err
	}
	if before.foreign > 0 {
		s.tell(nil, Unbelieved, fmt.Sprintf("%d lines of %s do not count: no run of this user has written them", before.foreign, RecordFile))
	}
	defer before.close()
	order, err := index.Order()
	if err != nil {
		return err
	}
	done, branches := map[string]string{}, map[string]string{}
	for _, i := range order {
		m := &index.Modules[i]
		for j := range m.Units {
			u := &m.Units[j]
			u.Published = false
			if s.Prefix != "" && u.Branch == "" {
				continue // it says why
			}
			p := &publication{Shipper: s, out: out, module: m, unit: u, base: s.Base, record: before}
			// No one branch has what several of other modules have.
			if n := len(u.After); s.Prefix != "" && (n == 1 || own(m.Units, u)) {
				p.base = branches[u.After[n-1]]
			}
			branches[u.ID], u.Unshipped = u.Branch, ""
			what, text, err := p.do(ctx, done)
			if err != nil {
				return err
			}
			if what == Unpublished {
				u.Unshipped = text
			} else {
				u.Published, done[u.ID] = true, p.link
			}
			s.tell(u, what, text)
		}
	}
	return nil
}

// A publication is that of one unit.
type publication struct {
	*Shipper
	out    string // absolute
	module *rollout.Module
	unit   *rollout.Unit
	base   string
	record *record
	link   string // to where it is reviewed, once it is published
}

// do publishes the unit, unless it was done before, or what goes before it is not published.
// done has the links of what is published. The text is what the command printed,
// or why there is nothing to see. An error ends the work as a whole.
func (p *publication) do(ctx context.Context, done map[string]string) (what What, text string, err error) {
	name, err := p.change()
	if err != nil {
		return Unpublished, err.Error(), nil
	}
	mine := change{p.unit.ID, name}
	if link, ok := p.record.has(mine); ok {
		p.link = link
		return PublishedEarlier, "", nil
	}
	for _, after := range p.unit.After {
		if _, ok := done[after]; !ok {
			return Unpublished, after + ", which goes before it, is not published", nil
		}
	}
	description, remove, err := p.describe(done)
	if err != nil {
		return Unpublished, err.Error(), nil
	}
	defer remove()
	text, err = p.run(ctx, description)
	switch {
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	case err != nil:
		return Unpublished, strings.TrimSpace(err.Error() + "\n" + text), nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		p.link = cmp.Or(linkIn(line), p.link)
	}
	if err := p.record.add(mine, p.link); err != nil {
		return "", "", fmt.Errorf("%s is published, but that cannot be recorded: %w", p.unit.ID, err)
	}
	return Published, text, nil
}

// address matches what can stand as a link in any text.
var address = regexp.MustCompile(`^https?://[A-Za-z0-9][A-Za-z0-9.:/?=&%~+,;@!_-]{0,500}$`)

// linkIn returns the link that a line is, or "".
func linkIn(line string) string {
	if line = strings.TrimSpace(line); address.MatchString(line) {
		return line
	}
	return ""
}

// describe returns the file with the text of the unit, and what removes it again: where the
// command has printed a link to what goes before it, a copy with that link.
func (p *publication) describe(done map[string]string) (name string, remove func(), err error) {
	name = p.file(p.unit.Description)
	linked := false
	for _, after := range p.unit.After {
		linked = linked || done[after] != ""
	}
	if !linked {
		return name, func() {}, nil
	}
	text, err := rooted.ReadFile(p.out, p.unit.Description, rooted.Patch)
	if err != nil {
		return "", nil, err
	}
	for _, after := range p.unit.After {
		text = rollout.LinkAfter(text, after, done[after])
	}
	f, err := os.CreateTemp("", "etcdmod-description-*.md")
	if err != nil {
		return "", nil, err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), func() { os.Remove(f.Name()) }, err
}

func (p *publication) file(name string) string {
	return filepath.Join(p.out, filepath.FromSlash(name))
}

// change names what the unit changes: its commit, or else the content of its patch.
func (p *publication) change() (string, error) {
	if p.unit.Commit != "" {
		return p.unit.Commit, nil
	}
	data, err := rooted.ReadFile(p.out, p.unit.Patch, rooted.Patch)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// maxOutput bounds how much of what a command prints is kept, in bytes: the end says why it
// failed.
const maxOutput = 8 << 10

// run runs the command for the unit, whose text is in a file, and returns what it printed.
func (p *publication) run(ctx context.Context, description string) (string, error) {
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.Timeout, fmt.Errorf("the command took longer than %s; -timeout sets that", p.Timeout))
		defer cancel()
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", p.Command)
	cmd.Dir, cmd.Env = p.repo, p.environ(description)
	if cmd.Dir == "" {
		cmd.Dir = p.Root
	}
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 3 * time.Second
	procgroup.Set(cmd)
	err := cmd.Run()
	if ctx.Err() != nil {
		procgroup.End(cmd)
		err = context.Cause(ctx)
	}
	text := strings.TrimSpace(out.String())
	if len(text) > maxOutput {
		text = "...\n" + strings.ToValidUTF8(text[len(text)-maxOutput:], "")
	}
	return text, err
}

// environ is the environment of the command; see [Shipper.Ship].
func (p *publication) environ(description string) []string {
	env := p.Env
	if env == nil {
		env = os.Environ()
	}
	prelude := ""
	if p.unit.Prelude {
		prelude = "1"
	}
	return append(procgroup.Unmarked(env),
		"ETCDMOD_UNIT="+p.unit.ID,
		"ETCDMOD_TITLE="+quote.Line(p.unit.Title),
		"ETCDMOD_DESCRIPTION="+description,
		"ETCDMOD_PATCH="+p.file(p.unit.Patch),
		"ETCDMOD_MODULE="+p.module.Dir,
		"ETCDMOD_OWNERS="+strings.Join(p.unit.Owners, " "),
		"ETCDMOD_AFTER="+strings.Join(p.unit.After, " "),
		"ETCDMOD_PRELUDE="+prelude,
		"ETCDMOD_BRANCH="+p.unit.Branch,
		"ETCDMOD_COMMIT="+p.unit.Commit,
		"ETCDMOD_BASE="+p.base,
	)
}
