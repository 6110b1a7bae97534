package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/verify/shadow"
)

// vet vets the changed packages that build, and keeps what is new.
func (c *checker) vet(ctx context.Context) error {
	paths := c.sound(c.changed)
	if len(paths) == 0 {
		return nil
	}
	copied := func(s *shadow.Side) (*shadow.Stage, error) { return s.Scratch(ctx, c.concerned()) }
	if c.shadow.VetsOverlays() {
		// What is new there may be the nesting's fault: a copy decides.
		if vetted, err := c.vetIn(ctx, (*shadow.Side).Nested, paths); err != nil || vetted != nil && len(vetted.more) == 0 {
			return c.keep(vetted, err)
		}
	}
	return c.keep(c.vetIn(ctx, copied, paths))
}

// A vetting is what vet says on both sides.
type vetting struct {
	before int               // problems of the original
	more   []finding.Problem // those that the edits brought
}

func (c *checker) keep(v *vetting, err error) error {
	if err != nil {
		return err
	}
	c.result.Before += v.before
	c.result.New = append(c.result.New, v.more...)
	return nil
}

// vetIn vets packages where place says, and the original there if that says anything. Both
// sides run in the same way, so that what is wrong with a place is not blamed on the edits.
// It gives nil where there is no such place.
func (c *checker) vetIn(ctx context.Context, place func(*shadow.Side) (*shadow.Stage, error), paths []string) (*vetting, error) {
	stage, err := place(c.after)
	if err != nil || stage == nil {
		return nil, err
	}
	now, err := c.diagnostics(ctx, stage, paths)
	if err != nil || len(now) == 0 {
		return new(vetting), err
	}
	if stage, err = place(c.before); err != nil || stage == nil {
		return nil, err
	}
	then, err := c.diagnostics(ctx, stage, c.existed(paths))
	if err != nil {
		return nil, err
	}
	return &vetting{before: len(then), more: worse(now, then)}, nil
}

// sound gives those of some packages of the main modules that build with their tests.
// The others go on the list of those that vet and tests prove nothing about.
func (c *checker) sound(some map[string]bool) []string {
	broken := map[string]bool{}
	ours := map[string]bool{}
	for _, p := range c.built.pkgs {
		if p.Main() && some[p.Home()] {
			ours[p.Home()] = true
			broken[p.Home()] = broken[p.Home()] || p.Broken()
		}
	}
	var paths []string
	for _, path := range slices.Sorted(maps.Keys(ours)) {
		if broken[path] {
			c.unproved(path)
			continue
		}
		paths = append(paths, path)
	}
	return paths
}

func (c *checker) unproved(path string) {
	if !slices.Contains(c.result.Unproved, path) {
		c.result.Unproved = append(c.result.Unproved, path)
		slices.Sort(c.result.Unproved)
	}
}

// diagnostics gives what vet says of packages.
func (c *checker) diagnostics(ctx context.Context, stage *shadow.Stage, paths []string) ([]finding.Problem, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	var all []finding.Problem
	err := stage.Run(ctx, []string{"vet", "-json"}, nil, paths, func(stdout, stderr []byte, err error) error {
		ps, perr := vetOutput(stage.Places, stdout, stderr)
		if perr != nil {
			return perr
		}
		if err != nil && len(ps) == 0 {
			ps = []finding.Problem{{Message: stage.Places.Message(err.Error())}}
		}
		all = append(all, ps...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Phase = PhaseVet
	}
	return sortProblems(all), nil
}

// vetOutput reads what "go vet -json" prints: JSON, since go 1.26 to standard output
// and before to standard error, between comments and complaints.
func vetOutput(places *shadow.Places, streams ...[]byte) ([]finding.Problem, error) {
	var ps []finding.Problem
	for _, stream := range streams {
		var text strings.Builder
		for len(stream) > 0 {
			line, rest, _ := bytes.Cut(stream, []byte("\n"))
			if !bytes.HasPrefix(line, []byte("{")) {
				text.Write(line)
				text.WriteByte('\n')
				stream = rest
				continue
			}
			dec := json.NewDecoder(bytes.NewReader(stream))
			var tree map[string]map[string]json.RawMessage
			if err := dec.Decode(&tree); err != nil {
				return nil, fmt.Errorf("reading the output of go vet: %w", err)
			}
			stream = bytes.TrimPrefix(stream[dec.InputOffset():], []byte("\n"))
			for path, byAnalyzer := range tree {
				for analyzer, raw := range byAnalyzer {
					ps = append(ps, diagnosticsOf(places, path, analyzer, raw)...)
				}
			}
		}
		ps = append(ps, places.Output(text.String())...)
	}
	return ps, nil
}

// diagnosticsOf reads what one analyzer says of one package: a list of diagnostics
// or one error.
func diagnosticsOf(places *shadow.Places, path, analyzer string, raw json.RawMessage) []finding.Problem {
	path, _, _ = strings.Cut(path, " ")
	var list []struct{ Posn, Message string }
	if json.Unmarshal(raw, &list) != nil {
		return []finding.Problem{{Package: path, Message: analyzer + ": " + string(raw)}}
	}
	var ps []finding.Problem
	for _, d := range list {
		p := places.Located(d.Posn + ": ")
		p.Package = path
		p.Message = places.Message(d.Message) + " (" + analyzer + ")"
		ps = append(ps, p)
	}
	return ps
}
