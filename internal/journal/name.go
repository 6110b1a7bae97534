package journal

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
)

// Name is the name of the journal in the root of a run.
const Name = ".etcdmod-journal"

// Both kinds begin with a dot: the go command and most other tools pass by.
var tempName = regexp.MustCompile(`^\.etcdmod-[0-9a-f]{16}-[0-9]+\.(new|old)$`)

// runID names one run, so that its temporary files meet no others.
func runID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// tempNames returns the base names of the temporary files for the new and, should
// the run have to go back, the old content of file i.
func tempNames(run string, i int) (new, old string) {
	return fmt.Sprintf(".etcdmod-%s-%d.new", run, i), fmt.Sprintf(".etcdmod-%s-%d.old", run, i)
}
