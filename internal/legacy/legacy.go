// Package legacy reads the files by which tools from before Go modules pin etcd: dep
// (Gopkg.lock, Gopkg.toml), glide (glide.lock, glide.yaml), godep (Godeps/Godeps.json),
// govendor (vendor/vendor.json) and vndr (vendor.conf).
//
// It takes a directory and gives what each file pins github.com/coreos/etcd to, what is
// wrong with that, and the constraint to set. It never writes.
package legacy

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"

	"etcdmod/modbump"
)

// etcd is the import path of the repository when these tools were used.
const etcd = "github.com/coreos/etcd"

// newest is the tag to go to from a commit that is not known: no older than any of the
// versions that these tools were used with.
const newest = "v3.3.13"

// A Finding is one file that pins etcd to something that is not safe, or not known.
type Finding struct {
	File      string // absolute
	Line, Col int    // from 1, Col in bytes
	Pin       string // what it is pinned to: a tag, or "commit …"
	Message   string
	Evidence  []string
	// Known is false where the pin does not tell which code it is.
	Known bool
}

// A pin is what a file says.
type pin struct {
	modbump.Pin
	line, col int
}

// A tool is one file format.
type tool struct {
	file string // slash-separated, below the root
	read func(data []byte) ([]pin, error)
	// set says what to do: TAG is the tag to go to, BARE the same without its v.
	set string
	// instead names the file that counts where both are there.
	instead string
}

var tools = []tool{
	{file: "Gopkg.lock", read: gopkg, set: `set version = "=BARE" in the [[constraint]] or [[override]] of ` + etcd + ` in Gopkg.toml and run "dep ensure -update ` + etcd + `"`},
	{file: "Gopkg.toml", read: gopkg, instead: "Gopkg.lock", set: `set version = "=BARE" and run "dep ensure"`},
	{file: "glide.lock", read: glide, set: `set "version: TAG" for ` + etcd + ` in glide.yaml and run "glide update"`},
	{file: "glide.yaml", read: glide, instead: "glide.lock", set: `set "version: TAG" and run "glide update"`},
	{file: "Godeps/Godeps.json", read: godep, set: `check out TAG of ` + etcd + ` in GOPATH and run "godep update ` + etcd + `/..."`},
	{file: "vendor/vendor.json", read: govendor, set: `run "govendor fetch ` + etcd + `/...@=TAG"`},
	{file: "vendor.conf", read: vndr, set: `write "` + etcd + ` TAG" and run "vndr ` + etcd + `"`},
}

// to fills in the tag to go to.
func (t tool) to(tag string) string {
	return strings.NewReplacer("TAG", tag, "BARE", strings.TrimPrefix(tag, "v")).Replace(t.set)
}

// Find reads the files in a directory. A file that is there and cannot be made out is
// part of the error, which does not keep the others from being read.
func Find(root string) ([]Finding, error) {
	var findings []Finding
	var errs []error
	pinned := map[string]bool{} // files that name etcd
	for _, t := range tools {
		if pinned[t.instead] {
			continue
		}
		name := filepath.Join(root, filepath.FromSlash(t.file))
		data, err := modules.ReadFile(name, rooted.LockFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var pins []pin
		if err == nil {
			pins, err = t.read(data)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.file, err))
			continue
		}
		pinned[t.file] = len(pins) > 0
		for _, p := range pins {
			if f, ok := judge(p, t); ok {
				f.File = name
				findings = append(findings, f)
			}
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return findings, errors.Join(errs...)
}

// judge is false where nothing is wrong.
func judge(p pin, t tool) (Finding, bool) {
	is, row, bad := modbump.JudgePin(p.Pin)
	f := Finding{Line: max(p.line, 1), Col: max(p.col, 1), Pin: is, Known: bad}
	switch {
	case bad:
		tag := newest
		if len(row.Targets) > 0 {
			tag = strings.TrimSuffix(row.Targets[0], "+incompatible")
		}
		f.Message = fmt.Sprintf("%s pinned to %s %s; %s", etcd, is, row.Does(), t.to(tag))
		for _, d := range row.Broken {
			f.Evidence = append(f.Evidence, d.Evidence)
		}
	case row.Reason == modbump.PseudoUnclassified:
		why := "which does not tell whether it has the fixes of etcd issues #8338 and #10111"
		switch {
		case is == "":
			is = "no version"
		case p.Commit != "":
			why = "which is none of etcd's own before the fix of issue #10111 on 2018-10-05: it is younger, or of a fork that may lack fixes"
		}
		f.Message = fmt.Sprintf("%s is pinned to %s, %s; to be sure, %s", etcd, is, why, t.to(newest))
	default:
		return f, false
	}
	return f, true
}
