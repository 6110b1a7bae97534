package gosum

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
)

// ErrNotSelected is the error for a module that is not in the build list.
var ErrNotSelected = errors.New("the module is not in the build list")

// An UnavailableError is a module version that the go command could not get: it
// does not exist, the proxy refuses it, or there is no network.
type UnavailableError struct {
	Path, Version string
	Detail        string // what the go command said
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%s@%s cannot be downloaded: %s; check GOPROXY, GOPRIVATE and the network, or choose another version", e.Path, e.Version, e.Detail)
}

// A ChecksumError is a module version whose content is not what go.sum or the
// checksum database says.
type ChecksumError struct {
	Path, Version string
	Detail        string
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("%s@%s does not have the expected checksum: %s; do not go on before you know why", e.Path, e.Version, e.Detail)
}

// An IncompleteError is an edited go.mod that would need more than the edit:
// packages that loaded before it do not load after it.
type IncompleteError struct {
	Packages []string // "import/path: what the go command said", sorted
	// Wanted are the requirements that the go command would add or change to
	// load all packages, at the latest versions there are now. They are what it
	// found, not a recommendation.
	Wanted []module.Version
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("the new version needs further requirements in go.mod; add them by hand with \"go get\":\n\t%s", strings.Join(e.Packages, "\n\t"))
}

// An UntidyError is a go.mod that the go command does not build with as it stands, since
// requirements in it are lower than what others ask for, or missing.
type UntidyError struct {
	Wanted []module.Version // what it would add or raise
	Go     string           // the language version that it would raise to; "" for none
	Err    error            // what the go command said
}

func (e *UntidyError) Error() string { return e.Err.Error() }

func (e *UntidyError) Unwrap() error { return e.Err }

// A ReplacedError is a selected version that is not what is built.
type ReplacedError struct {
	Path, Version string // as selected
	By            string // "path version" or a directory
}

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("%s@%s is selected, but a replace directive of go.mod or go.work builds %s instead", e.Path, e.Version, e.By)
}

// Reason codes for the errors of this package.
const (
	ReasonUnavailable = finding.VersionUnavailable
	ReasonChecksum    = finding.ChecksumMismatch
	ReasonIncomplete  = finding.NeedsRequirements
	ReasonReplaced    = finding.Replaced
	ReasonNotSelected = finding.NotSelected
)

// Reason returns the code for an error of this package, and "" for any other.
func Reason(err error) finding.Code {
	var (
		unavailable *UnavailableError
		checksum    *ChecksumError
		incomplete  *IncompleteError
		replaced    *ReplacedError
	)
	switch {
	case errors.Is(err, ErrNotSelected):
		return ReasonNotSelected
	case errors.As(err, &unavailable):
		return ReasonUnavailable
	case errors.As(err, &checksum):
		return ReasonChecksum
	case errors.As(err, &incomplete):
		return ReasonIncomplete
	case errors.As(err, &replaced):
		return ReasonReplaced
	}
	return ""
}

// modulePrefix matches the module version at the start of a complaint of the go
// command, which may have "go: " and a verb before it, or stand below the module that
// requires the version.
var modulePrefix = regexp.MustCompile(`(?m)^(?:go: |\t)?(?:verifying |downloading )?(?:module )?([^\s@]+)@(v[^\s:/]+)(?:/go\.mod)?(?: \(replaced by [^)]+\))?: `)

// classify gives what the go command said about a module version as a typed
// error. It returns nil where the text is about something else.
func classify(text string) error {
	m := modulePrefix.FindStringSubmatchIndex(text)
	if m == nil {
		return nil
	}
	path, version := text[m[2]:m[3]], text[m[4]:m[5]]
	detail := oneLine(text[m[1]:])
	switch {
	case strings.Contains(text, "checksum mismatch") || strings.Contains(text, "SECURITY ERROR"):
		return &ChecksumError{Path: path, Version: version, Detail: detail}
	case strings.Contains(detail, "missing go.sum entry"):
		return nil
	}
	for _, mark := range downloadFailures {
		if strings.Contains(detail, mark) {
			return &UnavailableError{Path: path, Version: version, Detail: detail}
		}
	}
	return nil
}

// downloadFailures are the words by which the go command says that it did not
// get a module version.
var downloadFailures = []string{
	"reading ", "Get ", "Forbidden", "Not Found", "Gone", "unknown revision", "invalid version",
	"lookup disabled", "unrecognized import path", "dial tcp", "no such file", "parsing go.mod",
}

// explain turns an error of a go command that loads modules into a typed one
// where it can.
func explain(err error) error {
	var cmd *gocmd.Error
	if errors.As(err, &cmd) {
		cmd.Stderr = scratchName.ReplaceAllString(cmd.Stderr, "")
		if typed := classify(cmd.Stderr); typed != nil {
			return typed
		}
	}
	return err
}

// scratchName is the directory of a [scratch] in what the go command says: for the reader
// the files in it are those of the module.
var scratchName = regexp.MustCompile(`[^\s:]*` + scratchPattern + `\d+[/\\]`)

// oneLine joins the lines of a message of the go command.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
