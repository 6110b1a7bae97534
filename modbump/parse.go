package modbump

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// A ParseError is a go.mod that cannot be judged. It starts with the place, as
// modfile gives it, and says what to do.
type ParseError struct {
	Err  error  // "go.mod:3: …", one line for each error
	Hint string // what to do about it
}

func (e *ParseError) Error() string { return fmt.Sprintf("%v; %s", e.Err, e.Hint) }

func (e *ParseError) Unwrap() error { return e.Err }

var bom = []byte("\xef\xbb\xbf")

// parse parses a go.mod strictly. The lax parser would accept more, but it drops
// replace and exclude directives, and those decide what a requirement means.
// Versions are not resolved: a branch name is an error.
func parse(name string, gomod []byte) (*modfile.File, error) {
	file, err := modfile.Parse(name, gomod, nil)
	if err == nil {
		return file, nil
	}
	return nil, &ParseError{Err: err, Hint: hint(gomod, err)}
}

// hint says what to do about an error of modfile.Parse.
func hint(gomod []byte, err error) string {
	if bytes.HasPrefix(gomod, bom) {
		return "remove the byte order mark at the start of the file; the go command does not accept it either"
	}
	var list modfile.ErrorList
	errors.As(err, &list)
	for i := range list {
		var version *module.InvalidVersionError
		switch {
		case errors.As(list[i].Err, &version):
			return "let the go command resolve the version, with \"go mod tidy\" or \"go get module@version\", and try again"
		case strings.HasPrefix(list[i].Err.Error(), "unknown "):
			return "a directive that is not known here might change what a requirement means, so the file is left alone; correct it, or bump by hand"
		}
	}
	return "correct the file until \"go mod edit -json\" accepts it, and try again"
}
