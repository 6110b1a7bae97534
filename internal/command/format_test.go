package command_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"etcdmod/internal/command"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// What the real commands write follows the schema and declares every rule, with its help.
func TestFormatSARIF(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../report/testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs("../../testdata/example")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check"}, {"diff", "-vet=false"}} {
		code, stdout, stderr := run(t, command.Env{Dir: dir}, append(args, "-format", "sarif")...)
		if code != command.ExitFindings || stderr != "" {
			t.Fatalf("%s: exit code %d, %s", args, code, stderr)
		}
		var log any
		if err := json.Unmarshal([]byte(stdout), &log); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(log); err != nil {
			t.Errorf("%s: %v", args, err)
		}
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
		if err := json.Unmarshal([]byte(stdout), &typed); err != nil {
			t.Fatal(err)
		}
		help := map[string]bool{}
		for _, r := range typed.Runs[0].Tool.Driver.Rules {
			help[r.ID] = len(r.Help.Text) > 100 && len(r.Help.Markdown) > 100
		}
		for _, id := range append([]string{modbump.Rule}, ruleIDs()...) {
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

func ruleIDs() (ids []string) {
	for _, r := range rewrite.Rules {
		ids = append(ids, r.ID)
	}
	return ids
}
