package script

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"gopkg.in/yaml.v3"
)

// cmdYAMLText writes texts of a YAML file, those of a list one below the other, into a file. A
// way to them is slash-separated: keys, and for an item of a list or a document of a stream
// its number, or its "name" or "kind".
func cmdYAMLText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: yaml-text out file.yaml path/to/it")
	}
	data, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	var docs []any
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc any
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
		docs = append(docs, doc)
	}
	var at any = docs
	if len(docs) == 1 {
		at = docs[0]
	}
	for elem := range strings.SplitSeq(args[2], "/") {
		next := yamlStep(at, elem)
		if next == nil {
			ts.Fatalf("%s: there is no %s on the way %s", args[1], elem, args[2])
		}
		at = next
	}
	var text strings.Builder
	list, ok := at.([]any)
	if !ok {
		list = []any{at}
	}
	for _, item := range list {
		fmt.Fprintln(&text, item)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text.String()), 0o666))
}

// yamlStep returns what an element of a way leads to; nil if nothing.
func yamlStep(at any, elem string) any {
	switch at := at.(type) {
	case map[string]any:
		return at[elem]
	case []any:
		if i, err := strconv.Atoi(elem); err == nil && i < len(at) {
			return at[i]
		}
		for _, item := range at {
			m, _ := item.(map[string]any)
			meta, _ := m["metadata"].(map[string]any)
			if m["name"] == elem || m["kind"] == elem || meta["name"] == elem {
				return item
			}
		}
	}
	return nil
}
