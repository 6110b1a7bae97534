package gocmd

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// tempVariables name the directory for temporary files, the first that is set.
func tempVariables() []string {
	if runtime.GOOS == "windows" {
		return []string{"TMP", "TEMP"}
	}
	return []string{"TMPDIR"}
}

// WithTemp returns a Runner whose commands keep their temporary files in a directory.
func (r Runner) WithTemp(dir string) Runner {
	for _, name := range tempVariables() {
		r = r.With(name + "=" + dir)
	}
	return r
}

// MkdirTemp makes a temporary directory, as [os.MkdirTemp] does, where the commands of the
// Runner keep theirs: whoever clears that place away clears away all.
func (r Runner) MkdirTemp(pattern string) (string, error) { return os.MkdirTemp(r.TempDir(), pattern) }

// TempDir returns the directory in which the commands of the Runner keep their temporary files.
func (r Runner) TempDir() string {
	for _, name := range tempVariables() {
		for _, setting := range slices.Backward(r.Env) { // the last one counts
			if dir, ok := strings.CutPrefix(setting, name+"="); ok && dir != "" {
				return dir
			} else if ok {
				break
			}
		}
	}
	return os.TempDir()
}
