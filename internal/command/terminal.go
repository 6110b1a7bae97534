package command

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// terminal reports whether w is a terminal that can do more than print lines.
func (env *Env) terminal(w io.Writer) bool {
	if env.getenv("TERM") == "dumb" {
		return false
	}
	if env.Terminal != nil {
		return env.Terminal(w)
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colourful reports whether w is a terminal that wants colours.
func (env *Env) colourful(w io.Writer) bool {
	return env.getenv("NO_COLOR") == "" && env.terminal(w)
}

func (env *Env) getenv(key string) string {
	if env.Environ == nil {
		return os.Getenv(key)
	}
	value := ""
	for _, kv := range env.Environ {
		if v, ok := strings.CutPrefix(kv, key+"="); ok {
			value = v
		}
	}
	return value
}
