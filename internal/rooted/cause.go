package rooted

import (
	"errors"
	"io/fs"
	"os"
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
