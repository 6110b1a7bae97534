package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/quote"
	"etcdmod/internal/version"
)

// SARIFSchema is the schema that [SARIF] follows.
const SARIFSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// sourceRoot stands for the root of the repository, as code scanning services call it.
const sourceRoot = "%SRCROOT%"

// fingerprint names the fingerprints and what goes into them: see [fingerprints].
const fingerprint = "etcdmodFinding/v1"

// SARIF writes one run of SARIF 2.1.0.
//
// Every rule is declared, found or not. Paths are relative to the root of the repository;
// columns are in characters. The call path is a code flow, and the places that the reasons
// name are related locations. What was not covered, and what verification said, are
// notifications of the run. Findings that comments in the source ignore are results that are
// suppressed. A result has a fix where its change was made and can be told in replacements of
// text; it is complete, the helper included, and compiles. With more than 250 changed
// findings there are no fixes: the helper is in each of them, and services limit the size.
func SARIF(w io.Writer, page Page) error {
	l := newSarifWriter(page)
	for _, unit := range page.Units {
		if l.fixes {
			var err error
			if unit, err = page.loaded(unit); err != nil {
				return err
			}
		}
		if err := l.unit(sarifUnit{Unit: &unit}); err != nil {
			return err
		}
	}
	l.run.Invocations = []sarifInvocation{l.invocation}
	enc := json.NewEncoder(quote.JSON(w))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(sarifLog{Schema: SARIFSchema, Version: "2.1.0", Runs: []sarifRun{l.run}})
}

// A sarifWriter makes the run of a page, unit by unit.
type sarifWriter struct {
	run          sarifRun
	invocation   sarifInvocation
	topics       map[string]Topic
	rules, codes map[string]int // indexes of what is declared
	fixes        bool           // results have them
	suppressed   bool           // some findings are ignored, so that each result has to say whether it is
	prints       fingerprints
}

// newSarifWriter declares the rules, and has what the page says of the run as a whole.
func newSarifWriter(page Page) *sarifWriter {
	l := &sarifWriter{
		run: sarifRun{
			Tool:              sarifTool{sarifDriver{Name: "etcdmod", SemanticVersion: strings.TrimPrefix(version.Version, "v")}},
			AutomationDetails: sarifDetails{"etcdmod/"},
			BaseIDs:           map[string]sarifArtifactLocation{sourceRoot: {Description: &sarifText{Text: "the root of the repository"}}},
			ColumnKind:        "unicodeCodePoints",
			Results:           []sarifResult{},
		},
		invocation: sarifInvocation{Successful: true},
		topics:     map[string]Topic{}, rules: map[string]int{}, codes: map[string]int{}, prints: fingerprints{},
		fixes:      countFixes(page) <= maxFixes,
		suppressed: slices.ContainsFunc(page.Units, func(u Unit) bool { return len(u.Ignored) > 0 }),
	}
	switch {
	case page.Category != "":
		l.run.AutomationDetails.ID += page.Category + "/"
	case len(page.Units) == 1 && page.Units[0].Module != "":
		l.run.AutomationDetails.ID += page.Units[0].Module + "/" // or the next module would replace it
	}
	for _, t := range page.Topics {
		l.topics[t.Name] = t
		if t.Rule {
			l.rules[t.Name] = len(l.run.Tool.Driver.Rules)
			l.run.Tool.Driver.Rules = append(l.run.Tool.Driver.Rules, sarifDescriptor{
				ID:               t.Name,
				ShortDescription: &sarifText{Text: t.Title},
				FullDescription:  &sarifText{Text: t.Title + "."},
				Help:             &sarifText{Text: t.Text, Markdown: markdown(t.Text)},
				Configuration:    &sarifConfiguration{"warning"},
				Properties:       map[string]any{"tags": []string{"etcd", "concurrency"}, "precision": "high", "problem.severity": "warning"},
			})
		}
	}
	for _, n := range page.Notes {
		l.notify(sarifNotification{Level: "note", Message: plainText(n.Detail), Locations: []sarifLocation{noteLocation(n)}})
	}
	return l
}

func (l *sarifWriter) notify(n sarifNotification) {
	l.invocation.Notifications = append(l.invocation.Notifications, n)
}

// unit adds what was found in a unit, what was not covered, and what verification said.
func (l *sarifWriter) unit(u sarifUnit) error {
	for _, t := range u.Lost {
		l.notify(sarifNotification{Level: "warning", Message: plainText(t.said()), Locations: []sarifLocation{u.location(t.Path, t.Line, t.Col, "")}})
	}
	for _, s := range u.Skipped {
		l.notify(u.skip(s, l.code(s.Reason)))
	}
	for _, p := range u.Problems {
		l.notify(u.problem(p))
	}
	for _, f := range u.Findings {
		r := u.result(f)
		if l.fixes {
			r.Fixes = u.fixes(f)
		}
		if err := l.add(f, r); err != nil {
			return err
		}
	}
	for _, f := range u.Ignored {
		r := u.result(f)
		r.Suppressions = &[]sarifSuppression{{"inSource", f.Ignored}}
		if err := l.add(f, r); err != nil {
			return err
		}
	}
	return nil
}

// code returns the index of the declaration of a reason for which something was not covered.
func (l *sarifWriter) code(reason string) int {
	i, ok := l.codes[reason]
	if !ok {
		i = len(l.run.Tool.Driver.Notifications)
		l.codes[reason] = i
		d := sarifDescriptor{ID: reason}
		if t := l.topics[reason]; t.Text != "" {
			d.ShortDescription, d.FullDescription = &sarifText{Text: t.Title}, &sarifText{Text: t.Text}
		}
		l.run.Tool.Driver.Notifications = append(l.run.Tool.Driver.Notifications, d)
	}
	return i
}

// add adds the result for a finding. Its rule has to be declared.
func (l *sarifWriter) add(f Finding, r sarifResult) error {
	rule, ok := l.rules[f.Rule]
	if !ok {
		return fmt.Errorf("rule %s has no description", f.Rule)
	}
	r.RuleIndex, r.Fingerprints = rule, map[string]string{fingerprint: l.prints.of(f)}
	if l.suppressed && r.Suppressions == nil {
		r.Suppressions = &[]sarifSuppression{}
	}
	l.run.Results = append(l.run.Results, r)
	return nil
}

// fingerprints tell findings apart from run to run: by what is found in which function, or in
// which file. Lines do not count. Findings that are alike in all this are numbered.
type fingerprints map[string]int

func (seen fingerprints) of(f Finding) string {
	parts := []string{f.Rule, f.Package, f.Func, f.Message}
	switch {
	case f.Bump != nil: // the version changes, the finding is the same
		parts = []string{f.Rule, f.Path, f.Bump.Module}
	case f.Package == "":
		parts[1] = f.Path
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	print := hex.EncodeToString(sum[:12])
	seen[print]++
	return fmt.Sprintf("%s:%d", print, seen[print])
}

// A sarifUnit turns the parts of a unit into those of a run.
type sarifUnit struct{ *Unit }

func (u sarifUnit) result(f Finding) sarifResult {
	loc := u.location(f.Path, f.Line, f.Col, "")
	if f.Func != "" {
		loc.Logical = []sarifLogical{{Name: f.Func, Qualified: f.Package + "." + f.Func, Kind: "function"}}
	}
	r := sarifResult{
		RuleID: f.Rule, Level: "warning", Message: plainText(f.Message + " (" + f.verdict() + ")"),
		Locations: []sarifLocation{loc}, Properties: map[string]any{"tier": f.Tier},
	}
	if f.Tier == "report" {
		r.Level = "note"
	}
	if len(u.Owners) > 0 {
		r.Properties["owners"] = u.Owners
	}
	if len(f.CallPath) > 0 {
		flow := sarifThreadFlow{Locations: []sarifFlowLocation{{u.location(f.Path, f.Line, f.Col, f.Message)}}}
		for _, frame := range f.CallPath {
			flow.Locations = append(flow.Locations, sarifFlowLocation{u.place(frame.At, frame.Call)})
		}
		r.CodeFlows = []sarifCodeFlow{{[]sarifThreadFlow{flow}}}
	}
	var codes []string
	for _, why := range f.reasons() {
		codes = append(codes, why.Code)
		if why.At != "" {
			r.related(u.place(why.At, why.text()))
		}
	}
	if len(codes) > 0 {
		r.Properties["reasons"] = codes
	}
	for _, d := range f.Differences {
		r.related(u.place(d.At, d.Text))
	}
	if len(f.Differences) > 0 {
		r.Properties["differences"] = f.Differences
	}
	if f.Bump != nil {
		for _, c := range f.Bump.Calls {
			flow := sarifThreadFlow{}
			for _, frame := range c.Path {
				flow.Locations = append(flow.Locations, sarifFlowLocation{u.place(frame.At, frame.Call)})
			}
			flow.Locations = append(flow.Locations, sarifFlowLocation{u.place(c.At, c.text())})
			r.CodeFlows = append(r.CodeFlows, sarifCodeFlow{[]sarifThreadFlow{flow}})
		}
	}
	return r
}

// related adds a location, with the number that tells it from the others.
func (r *sarifResult) related(loc sarifLocation) {
	loc.ID = len(r.Related) + 1
	r.Related = append(r.Related, loc)
}

func (u sarifUnit) skip(s Skip, index int) sarifNotification {
	text := s.Reason
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	loc := u.location(s.Path, s.Line, s.Col, "")
	if s.Package != "" {
		loc = sarifLocation{Logical: []sarifLogical{{Qualified: s.Package, Kind: "module"}}}
	}
	return sarifNotification{
		Descriptor: &sarifReference{s.Reason, index}, Level: "warning",
		Message: plainText("not covered: " + text), Locations: []sarifLocation{loc},
	}
}

func (u sarifUnit) problem(p Problem) sarifNotification {
	n := sarifNotification{Level: "error", Message: plainText(p.Phase + ": " + p.Message)}
	switch {
	case p.Path != "":
		n.Locations = []sarifLocation{u.location(p.Path, p.Line, p.Col, "")}
	case p.Package != "":
		n.Locations = []sarifLocation{{Logical: []sarifLogical{{Qualified: p.Package, Kind: "module"}}}}
	}
	return n
}

// place is the location of "path:line:col".
func (u sarifUnit) place(place, message string) sarifLocation {
	name, line, col := splitPlace(place)
	return u.location(name, line, col, message)
}

// noteLocation is that of "path" or "path:line".
func noteLocation(n finding.Note) sarifLocation {
	u := sarifUnit{Unit: &Unit{}}
	if name, line, _ := splitPlace(n.Path + ":0"); line > 0 {
		return u.location(name, line, 0, "")
	}
	return u.location(n.Path, 0, 0, "")
}

func (u sarifUnit) location(name string, line, col int, message string) sarifLocation {
	loc := sarifLocation{Physical: &sarifPhysical{Artifact: artifact(name)}}
	if chars, ok := u.Columns[fmt.Sprintf("%s:%d:%d", name, line, col)]; ok {
		col = chars
	}
	if line > 0 {
		loc.Physical.Region = &sarifRegion{StartLine: line, StartColumn: col}
	}
	if message != "" {
		text := plainText(message)
		loc.Message = &text
	}
	return loc
}

// plainText is a message in which nothing is a link: viewers make one of "[text](address)", and what
// the words of a compiler quote may have that.
func plainText(text string) sarifText {
	return sarifText{Text: strings.ReplaceAll(text, "](", `]\x28`)}
}

// artifact names a file: by a relative URI, or by an absolute one where it is not in the
// repository.
func artifact(name string) sarifArtifactLocation {
	if path.IsAbs(name) || len(name) > 2 && name[1] == ':' && name[2] == '/' {
		u := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(name, "/")}
		return sarifArtifactLocation{URI: u.String()}
	}
	u := url.URL{Path: name}
	return sarifArtifactLocation{URI: u.String(), BaseID: sourceRoot}
}

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "`", "\\`")

// markdown writes plain text in Markdown. What is indented is code in both; elsewhere the lines
// stay as they are.
func markdown(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "\t") || line == "" {
			continue
		}
		lines[i] = markdownEscapes.Replace(line)
		if i+1 < len(lines) && lines[i+1] != "" {
			lines[i] += "  "
		}
	}
	return strings.Join(lines, "\n")
}
