package rooted

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"etcdmod/internal/quote"
)

// Cause drops the operation and the path that package os puts before what the system said, for
// errors that name them in the user's terms.
func Cause(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	var se *os.SyscallError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	case errors.As(err, &se):
		return se.Err
	}
	return err
}

// Words is what an error says, with the name of the file in it as a line of text has names: package os
// writes it as it is.
func Words(err error) string {
	text := err.Error()
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Path != "" {
		text = strings.ReplaceAll(text, pe.Path, quote.Name(pe.Path))
	}
	return text
}
