package patch

import (
	"crypto/sha1" // git's name for content, not a signature
	"encoding/hex"
	"fmt"
)

// abbrev is the number of hex digits of a blob's name in an index line.
const abbrev = 7

// noBlob stands for a file that is not there.
const noBlob = "0000000"

// blobName gives the name, shortened, that git gives to content. It lets
// `git apply --3way` find the version that a patch was made from.
func blobName(content []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))[:abbrev]
}
