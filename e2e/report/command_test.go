package report_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/command"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// What the real commands write follows the schema and declares every rule, with its help.
func TestFormatSARIF(t *testing.T) {
	dir, err := filepath.Abs("../../testdata/example")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check"}, {"diff", "-vet=false"}} {
		var stdout, stderr bytes.Buffer
		env := command.Env{Dir: dir, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr}
		code := command.Main(t.Context(), append(args, "-format", "sarif"), env)
		if code != command.ExitFindings || stderr.Len() > 0 {
			t.Fatalf("%s: exit code %d, %s", args, code, &stderr)
		}
		valid(t, stdout.Bytes())
		var typed struct {
			Runs []struct {
				Tool struct {
					Driver struct {
						Rules []struct {
							ID   string
							Help struct{ Text, Markdown string }
						}
					}
				}
				Results []struct {
					Fixes []struct {
						ArtifactChanges []struct{ ArtifactLocation struct{ URI string } }
					}
				}
			}
		}
		if err := json.Unmarshal(stdout.Bytes(), &typed); err != nil {
			t.Fatal(err)
		}
		help := map[string]bool{}
		for _, r := range typed.Runs[0].Tool.Driver.Rules {
			help[r.ID] = len(r.Help.Text) > 100 && len(r.Help.Markdown) > 100
		}
		ids := []string{modbump.Rule}
		for _, r := range rewrite.Rules {
			ids = append(ids, r.ID)
		}
		for _, id := range ids {
			if !help[id] {
				t.Errorf("%s: rule %s is not declared, or has no help", args, id)
			}
		}
		changed := 0
		for _, fix := range typed.Runs[0].Results[0].Fixes {
			changed += len(fix.ArtifactChanges)
		}
		if want := map[string]int{"check": 0, "diff": 4}[args[0]]; changed != want {
			t.Errorf("%s: the fix changes %d files, want %d", args, changed, want)
		}
	}
}
