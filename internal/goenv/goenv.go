// Package goenv tells the settings of the go command.
//
// It takes an environment, and gives what the go command takes a variable for, and the flags that
// GOFLAGS adds to its commands. It never runs the go command.
package goenv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/rooted"
)

// Setting returns what "go env" would say of a variable that has no default worth knowing
// here: from the environment, else from the file that "go env -w" writes. A nil env means
// that of this process.
func Setting(env []string) func(key string) string {
	if env == nil {
		env = os.Environ()
	}
	var saved []string
	if name := goenvFile(value(env, "GOENV")); name != "" {
		if data, err := rooted.ReadNamed(name, rooted.Setting); err == nil {
			saved = strings.Split(string(data), "\n")
		}
	}
	return func(key string) string {
		if v := value(env, key); v != "" {
			return v
		}
		return value(saved, key)
	}
}

// value returns that of a key in lines with key=value, of which the last one counts. They
// are not made a map: few keys are asked for, once for each of thousands of modules.
func value(lines []string, key string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(lines[i], key); ok && strings.HasPrefix(v, "=") {
			return strings.TrimSuffix(v[1:], "\r")
		}
	}
	return ""
}

func goenvFile(setting string) string {
	switch setting {
	case "off":
		return ""
	case "":
		dir, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		return filepath.Join(dir, "go", "env")
	}
	return setting
}

// talkative are the flags of GOFLAGS that change what a go command prints, or compile
// something else than the program: they are for the commands of the user.
var talkative = []string{"v", "x", "n", "json", "work", "cover", "covermode", "coverpkg", "coverprofile"}

// Flags gives the flags that a GOFLAGS adds to every go command that is run here, and those
// that are left out. A flag in quotes stays in them.
func Flags(goflags string) (kept, dropped []string) {
	for _, token := range tokens(goflags) {
		name := strings.TrimPrefix(strings.TrimPrefix(strings.Trim(token, `'"`), "-"), "-")
		name, _, _ = strings.Cut(name, "=")
		if slices.Contains(talkative, name) {
			dropped = append(dropped, token)
		} else {
			kept = append(kept, token)
		}
	}
	return kept, dropped
}

// tokens cuts a text at white space that is not within quotes, as the go command does.
func tokens(text string) (out []string) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := strings.IndexAny(text, " \t\r\n")
		if q := text[0]; q == '\'' || q == '"' {
			if i := strings.IndexByte(text[1:], q); i >= 0 {
				end = i + 2
			}
		}
		if end < 0 || end > len(text) {
			end = len(text)
		}
		out, text = append(out, text[:end]), text[end:]
	}
	return out
}
