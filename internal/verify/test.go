package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/verify/shadow"
)

// concerned gives the packages that vet or the tests look at: the changed ones and, for
// the tests, those that import them.
func (c *checker) concerned() map[string]bool {
	all := maps.Clone(c.changed)
	if c.req.Test {
		for _, path := range c.roots {
			all[path] = true
		}
	}
	return all
}

// test runs the tests of the changed packages that build, and of those that import them.
// If any fails, the original's run too, and what passed there is a problem.
func (c *checker) test(ctx context.Context) error {
	paths := c.sound(c.concerned())
	now, err := c.runTests(ctx, c.after, paths)
	if err != nil {
		return err
	}
	var failing []string
	for _, path := range paths {
		if !now.passed(testID{Package: path}) {
			failing = append(failing, path)
		}
	}
	old := c.existed(failing)
	then, err := c.runTests(ctx, c.before, old)
	if err != nil {
		return err
	}
	existed := map[string]bool{}
	for _, path := range old {
		existed[path] = true
	}
	for _, path := range failing {
		t := &trial{path: path, existed: existed[path], now: now, then: then}
		c.result.New = append(c.result.New, c.testProblems(t)...)
		c.result.Before += t.failedBefore()
		if t.existed && !then.passed(testID{Package: path}) {
			c.unproved(path)
		}
	}
	return nil
}

// tests are the outcomes of one "go test".
type tests struct {
	outcome map[testID]string // "pass", "fail" or "skip"
	output  map[testID]string
	said    string // what belongs to no test
	places  *shadow.Places
}

// A testID names a test; without Test, the package as a whole.
type testID struct{ Package, Test string }

// passed reports whether a test or package ran and did not fail. A package without
// tests is skipped.
func (t *tests) passed(id testID) bool {
	return t.outcome[id] == "pass" || t.outcome[id] == "skip"
}

// runTests runs the tests of packages in a scratch copy.
func (c *checker) runTests(ctx context.Context, s *shadow.Side, paths []string) (*tests, error) {
	t := &tests{outcome: map[testID]string{}, output: map[testID]string{}}
	if len(paths) == 0 {
		return t, nil
	}
	stage, err := s.Scratch(ctx, c.concerned())
	if err != nil {
		return nil, err
	}
	t.places = stage.Places
	flags := c.shadow.TestFlags()
	if c.req.Vet {
		flags = append([]string{"-vet=off"}, flags...) // vet has spoken
	}
	err = stage.Run(ctx, []string{"test", "-json", "-count=1"}, flags, paths, func(stdout, stderr []byte, _ error) error {
		t.said += string(stderr)
		t.read(stdout)
		return nil
	})
	return t, err
}

// read takes the events that "go test -json" prints. Other lines come from go commands
// before 1.24, which print errors of the build as they are.
func (t *tests) read(stdout []byte) {
	built := map[string]string{} // output of the build by ImportPath of the event
	for line := range bytes.Lines(stdout) {
		var e struct {
			Action, Package, Test, Output string
			ImportPath, FailedBuild       string
		}
		if json.Unmarshal(line, &e) != nil {
			t.said += string(line)
			continue
		}
		id := testID{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			built[e.ImportPath] += e.Output
		case "output":
			t.output[id] += e.Output
		case "pass", "fail", "skip":
			t.outcome[id] = e.Action
			t.output[id] += built[e.FailedBuild]
		}
	}
}

// A trial is the tests of one package with and without the edits.
type trial struct {
	path      string
	existed   bool // before the edits
	now, then *tests
}

// worse reports whether a test fails now and did not fail then. A test that did not
// run then says nothing: the package as a whole does.
func (t *trial) worse(id testID) bool {
	return id.Package == t.path && t.now.outcome[id] == "fail" && (!t.existed || t.then.passed(id))
}

func (t *trial) failedBefore() int {
	n := 0
	for id, outcome := range t.then.outcome {
		if id.Package == t.path && id.Test != "" && outcome == "fail" {
			n++
		}
	}
	return n
}

// blamed gives the tests that got worse: of tests within tests the innermost ones,
// and the package as a whole only where none of its tests is to blame.
func (t *trial) blamed() []testID {
	var ids []testID
	for id := range t.now.outcome {
		if id.Test == "" || !t.worse(id) {
			continue
		}
		inner := false
		for other := range t.now.outcome {
			inner = inner || strings.HasPrefix(other.Test, id.Test+"/") && t.worse(other)
		}
		if !inner {
			ids = append(ids, id)
		}
	}
	if whole := (testID{Package: t.path}); len(ids) == 0 && t.worse(whole) {
		ids = append(ids, whole)
	}
	return ids
}

func (c *checker) testProblems(t *trial) []finding.Problem {
	var ps []finding.Problem
	for _, id := range t.blamed() {
		ps = append(ps, c.testProblem(id, t))
	}
	whole := testID{Package: t.path}
	if t.now.outcome[whole] == "" && (!t.existed || t.then.passed(whole)) {
		msg := "the tests did not run"
		if said := strings.TrimSpace(t.now.said); said != "" {
			msg += ":\n" + t.now.places.Message(said)
		}
		ps = append(ps, finding.Problem{Package: t.path, Message: msg, Phase: PhaseTest})
	}
	return ps
}

// "    x_test.go:12: got 1", as package testing prints it.
var testLine = regexp.MustCompile(`(?m)^\s+([^\s:]+\.go):(\d+): `)

// testTime is how long a test took: no two runs would say the same.
var testTime = regexp.MustCompile(`(?m)^(\s*--- \w+: \S+) \(\d+\.\d+s\)$`)

// maxTestOutput bounds how much of the output of a test goes into a message, in
// bytes: the end says why it failed.
const maxTestOutput = 4 << 10

func (c *checker) testProblem(id testID, t *trial) finding.Problem {
	p := finding.Problem{Package: id.Package, Phase: PhaseTest}
	name := id.Test
	if name == "" {
		name = "the package"
	}
	p.Message = name + " fails"
	if t.existed {
		p.Message += " and passed before"
	}
	out := t.now.places.Message(testTime.ReplaceAllString(t.now.output[id], "$1"))
	if m := testLine.FindStringSubmatch(t.now.output[id]); m != nil {
		p.File = filepath.Join(c.directory(id.Package), m[1]) // testing prints base names
		p.Line, _ = strconv.Atoi(m[2])
	}
	if out = strings.TrimRight(out, " \n"); len(out) > maxTestOutput {
		out = "...\n" + out[len(out)-maxTestOutput:]
	}
	if out != "" {
		p.Message += ":\n" + out
	}
	return p
}

// directory gives the directory of a package with the edits.
func (c *checker) directory(path string) string {
	for _, p := range c.pkgs {
		if p.ImportPath == path {
			return p.Dir
		}
	}
	return c.shadow.Root()
}
