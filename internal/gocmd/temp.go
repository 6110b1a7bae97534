package gocmd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// TempFor is MkdirTemp for what is done to a file or directory: the name is the same each time, unless it is taken.
func (r Runner) TempFor(pattern, what string) (string, error) {
	sum := sha256.Sum256([]byte(what))
	dir := filepath.Join(r.TempDir(), pattern+hex.EncodeToString(sum[:8]))
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return r.MkdirTemp(pattern)
	} else if err != nil {
		return "", err
	}
	return dir, nil
}

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
