package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// IDs gives IDs that are the same in later runs, as long as what is found has the same parts and
// comes in the same order. The zero value is not ready: make it as a map.
type IDs map[string]int

// Next returns the ID of the next one with these parts.
func (n IDs) Next(parts ...string) string {
	key := strings.Join(parts, "\x00")
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, n[key]))
	n[key]++
	return hex.EncodeToString(sum[:6])
}
