package rollout

import (
	"fmt"
	"path/filepath"
	"strings"

	"etcdmod/internal/modules"
)

// unitsDir is the directory of the patches and texts in the output directory.
const unitsDir = "units"

// patchFile is the name of a unit's patch in the output directory.
func patchFile(id string) string { return unitsDir + "/" + id + ".patch" }

// textFile is the name of a unit's description there.
func textFile(id string) string { return unitsDir + "/" + id + ".md" }

func position(name string, line int) string {
	return fmt.Sprintf("%s:%d", filepath.ToSlash(name), line)
}

// relative drops the root of the repository from the files that a message names.
func relative(message, repo string) string {
	return strings.ReplaceAll(message, repo+string(filepath.Separator), "")
}

// realDir is an absolute name, with no symbolic links as far as there is something.
func realDir(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return modules.Resolved(dir)
}
