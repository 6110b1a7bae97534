package ship

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	for i := range index.Modules {
		m := &index.Modules[i]
		done, branches := map[string]bool{}, map[string]string{}
		for j := range m.Units {
			u := &m.Units[j]
			u.Published = false
			if s.Prefix != "" && u.Branch == "" {
				continue // it says why
			}
			p := &publication{Shipper: s, out: out, module: m, unit: u, base: s.Base, record: before}
			for _, after := range u.After {
				if s.Prefix != "" {
					p.base = branches[after]
				}
			}
			branches[u.ID], u.Unshipped = u.Branch, ""
			what, text, err := p.do(ctx, done)
			if err != nil {
				return err
			}
			if what == Unpublished {
				u.Unshipped = text
			} else {
				u.Published, done[u.ID] = true, true
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
}

// do publishes the unit, unless it was done before, or what goes before it is not published.
// The text is what the command printed, or why there is nothing to see. An error ends the
// work as a whole.
func (p *publication) do(ctx context.Context, done map[string]bool) (what What, text string, err error) {
	change, err := p.change()
	if err != nil {
		return Unpublished, err.Error(), nil
	}
	if p.record.has(p.unit.ID, change) {
		return PublishedEarlier, "", nil
	}
	for _, after := range p.unit.After {
		if !done[after] {
			return Unpublished, after + ", which goes before it, is not published", nil
		}
	}
	text, err = p.run(ctx)
	switch {
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	case err != nil:
		return Unpublished, strings.TrimSpace(err.Error() + "\n" + text), nil
	}
	if err := p.record.add(p.unit.ID, change); err != nil {
		return "", "", fmt.Errorf("%s is published, but that cannot be recorded: %w", p.unit.ID, err)
	}
	return Published, text, nil
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

// run runs the command for the unit and returns what it printed.
func (p *publication) run(ctx context.Context) (string, error) {
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.Timeout, fmt.Errorf("the command took longer than %s; -timeout sets that", p.Timeout))
		defer cancel()
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", p.Command)
	cmd.Dir, cmd.Env = p.repo, p.environ()
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
func (p *publication) environ() []string {
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
		"ETCDMOD_DESCRIPTION="+p.file(p.unit.Description),
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
