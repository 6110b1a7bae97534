package command

import (
	"fmt"
	"io"

	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// say writes a message for people. Whatever is quoted in it, nothing of it does anything to a
// terminal or to what reads a log.
func say(w io.Writer, format string, args ...any) (int, error) {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = rooted.Words(err)
		}
	}
	return io.WriteString(w, quote.Message(fmt.Sprintf(format, args...)))
}
