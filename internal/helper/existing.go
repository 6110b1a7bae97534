package helper

import (
	"fmt"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// An Existing is a package that some version of etcdmod has generated.
type Existing struct {
	Package     string // package name
	Concurrency string // import path of the client's package concurrency
	Parts       Parts  // what it offers
}

// Describe says which package its files, by name, are. An error means that etcdmod did not
// generate it.
func Describe(files map[string][]byte) (Existing, error) {
	src, ok := files[MutexFile]
	if !ok {
		return Existing{}, fmt.Errorf("it has no %s that etcdmod generated", MutexFile)
	}
	if !IsGenerated(src) {
		return Existing{}, fmt.Errorf("etcdmod did not generate its %s", MutexFile)
	}
	f, err := parser.ParseFile(token.NewFileSet(), MutexFile, src, parser.ImportsOnly)
	if err != nil {
		return Existing{}, err
	}
	e := Existing{Package: f.Name.Name, Parts: PartsOf(files)}
	for _, spec := range f.Imports { // besides the client, which has a name, and the standard library
		ip, err := strconv.Unquote(spec.Path.Value)
		if first, _, _ := strings.Cut(ip, "/"); err == nil && spec.Name == nil && strings.Contains(first, ".") {
			e.Concurrency = ip
		}
	}
	if e.Concurrency == "" {
		return Existing{}, fmt.Errorf("its %s imports no package concurrency of an etcd client", MutexFile)
	}
	return e, nil
}
