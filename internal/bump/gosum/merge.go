package gosum

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// An entry is one line of a go.sum: "path version hash".
type entry struct{ path, version, hash string }

func (e entry) String() string { return e.path + " " + e.version + " " + e.hash }

// parseEntry parses a line, with or without its line ending. It is false for a
// blank or malformed line.
func parseEntry(line []byte) (entry, bool) {
	fields := strings.Fields(string(line))
	if len(fields) != 3 {
		return entry{}, false
	}
	return entry{fields[0], fields[1], fields[2]}, true
}

// compare orders entries as the go command does: by path, by semantic version,
// the module before its go.mod.
func compare(a, b entry) int {
	if c := cmp.Compare(a.path, b.path); c != 0 {
		return c
	}
	av, afile, _ := strings.Cut(a.version, "/")
	bv, bfile, _ := strings.Cut(b.version, "/")
	return cmp.Or(
		semver.Compare(av, bv),
		cmp.Compare(av, bv), // "+incompatible"
		cmp.Compare(afile, bfile),
		cmp.Compare(a.hash, b.hash),
	)
}

// entries returns the set of entries of a go.sum.
func entries(gosum []byte) map[entry]bool {
	set := make(map[entry]bool)
	for line := range bytes.Lines(gosum) {
		if e, ok := parseEntry(line); ok {
			set[e] = true
		}
	}
	return set
}

// missing returns the entries of want that are not in have, in order.
func missing(want, have map[entry]bool) []entry {
	var list []entry
	for e := range want {
		if !have[e] {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, compare)
	return list
}

// merge inserts added, which is in order, into a go.sum. Each line goes before
// the first one that sorts behind it, which in an ordered go.sum is its place;
// the lines that were there stay as they are. New lines end the way the first
// line does.
func merge(gosum []byte, added []entry) []byte {
	if len(added) == 0 {
		return gosum
	}
	eol := "\n"
	if first, _, ok := bytes.Cut(gosum, []byte("\n")); ok && bytes.HasSuffix(first, []byte("\r")) {
		eol = "\r\n"
	}
	var out []byte
	for line := range bytes.Lines(gosum) {
		if e, ok := parseEntry(line); ok {
			for len(added) > 0 && compare(added[0], e) < 0 {
				out = append(append(out, added[0].String()...), eol...)
				added = added[1:]
			}
		}
		out = append(out, line...)
	}
	if len(added) > 0 && len(out) > 0 && !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, eol...)
	}
	for _, e := range added {
		out = append(append(out, e.String()...), eol...)
	}
	return out
}
