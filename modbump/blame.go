package modbump

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/module"
)

var (
	saidTwoPaths = regexp.MustCompile(`(\S+)@(\S+) used for two different module paths \((\S+) and (\S+)\)`)
	saidConflict = regexp.MustCompile(`conflicting replacements for ([^\s:@]+)(?:@([^\s:]+))?:`)
	saidGo       = regexp.MustCompile(`go\.mod requires go >= (\S+)`)
	saidNewer    = regexp.MustCompile(`@\S+ requires go >= \S+ \(running go `)
	saidOff      = regexp.MustCompile(`GO111MODULE=off|only valid when using modules`)
)

// Blame says what to change about an error of the go command's that is about the go.mod
// itself, or about a setting without which it does not read one: the line, where it is one. It
// is "" where nothing is known but what the go command said.
func Blame(gomod []byte, said string) string {
	file, err := parse("go.mod", gomod)
	switch {
	case saidOff.MatchString(said):
		return "unset GO111MODULE, or set it to on"
	case err != nil:
		return ""
	}
	if m := saidTwoPaths.FindStringSubmatch(said); m != nil {
		by := module.Version{Path: m[1], Version: m[2]}
		for _, replace := range file.Replace {
			if replace.New == by && replace.Old.Path != by.Path {
				return fmt.Sprintf("change line %d, which replaces %s: to another version than the one that is built of %s, or to a version of %s itself",
					replace.Syntax.Start.Line, replace.Old.Path, by.Path, replace.Old.Path)
			}
		}
	}
	if m := saidConflict.FindStringSubmatch(said); m != nil {
		var lines []string
		for _, replace := range file.Replace {
			if replace.Old.Path == m[1] && replace.Old.Version == m[2] {
				lines = append(lines, fmt.Sprint(replace.Syntax.Start.Line))
			}
		}
		if len(lines) > 1 {
			return fmt.Sprintf("keep one of the lines %s", strings.Join(lines, " and "))
		}
	}
	if m := saidGo.FindStringSubmatch(said); m != nil && file.Go != nil && file.Go.Version == m[1] {
		return fmt.Sprintf("install go %s, or let the go command get it with GOTOOLCHAIN=auto; else lower line %d", m[1], file.Go.Syntax.Start.Line)
	}
	return ""
}

// BlameUntidy names the lines of a go.mod that the go command does not build with, since
// others ask for more than they say.
func BlameUntidy(gomod []byte, wanted []module.Version) string {
	file, err := parse("go.mod", gomod)
	if err != nil || len(wanted) == 0 {
		return "run \"go mod tidy\""
	}
	var all []string
	for _, mod := range wanted {
		clause := mod.String() + " is missing"
		for _, require := range file.Require {
			if require.Mod.Path == mod.Path {
				clause = fmt.Sprintf("line %d asks for %s, and %s is needed", require.Syntax.Start.Line, require.Mod, mod.Version)
				break
			}
		}
		all = append(all, clause)
	}
	const few = 3
	if n := len(all); n > few {
		all = append(all[:few], fmt.Sprintf("%d more", n-few))
	}
	return strings.Join(all, ", ") + "; run \"go mod tidy\""
}

// BlameChecksum says why a go.sum may have another checksum of a module than everybody else: go
// commands before go1.11.4 counted symbolic links as files. Those wrote no go line into a go.mod, or
// go 1.11. It is "" for a go.mod that is of a later time.
func BlameChecksum(gomod []byte, mod module.Version) string {
	file, err := parse("go.mod", gomod)
	if err != nil || file.Go != nil && file.Go.Version != "1.11" {
		return ""
	}
	return fmt.Sprintf("the checksums that a go command before go1.11.4 wrote of modules with symbolic links are others (golang/go issue 29278), and this go.mod may be as old as that: take the line out of go.sum, and \"go mod download %s\" asks the checksum database", mod)
}

// BlameMissing gives the reason why a module version cannot be had, from the words of the go
// command.
func BlameMissing(said string) Reason {
	if saidNewer.MatchString(said) {
		return NeedsNewerGo
	}
	return VersionUnavailable
}
