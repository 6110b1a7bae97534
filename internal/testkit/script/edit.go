package script

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdEdit replaces the first text in a file that an expression matches: "edit file expr text".
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit file expression text")
	}
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	expr, err := regexp.Compile(args[1])
	ts.Check(err)
	at := expr.FindIndex(data)
	if at == nil {
		ts.Fatalf("%s has nothing that %s matches", args[0], args[1])
	}
	ts.Check(os.WriteFile(name, []byte(string(data[:at[0]])+args[2]+string(data[at[1]:])), 0o644))
}

// cmdOverwrite gives all files that a pattern matches the content of another: "overwrite
// pattern file".
func cmdOverwrite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: overwrite pattern file")
	}
	data, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	names, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(names) == 0 {
		ts.Fatalf("nothing matches %s", args[0])
	}
	for _, name := range names {
		ts.Check(os.WriteFile(name, data, 0o644))
	}
}
