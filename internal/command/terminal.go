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
	value, _ := env.lookup(key)
	return value
}

func (env *Env) lookup(key string) (value string, ok bool) {
	if env.Environ == nil {
		return os.LookupEnv(key)
	}
	for _, kv := range env.Environ {
		if v, is := strings.CutPrefix(kv, key+"="); is {
			value, ok = v, true
		}
	}
	return value, ok
}
