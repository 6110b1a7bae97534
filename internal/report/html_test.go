package report

import (
	"testing"

	"etcdmod/internal/quote"
)

// What keeps the page from having commands for what runs a job leaves its own parts alone, whose
// checksums its policy has.
func TestThePageHasNoCommands(t *testing.T) {
	for _, part := range []string{pageStyle, pageScript, pageTemplate} {
		if quote.Message(part) != part {
			t.Error("the page has what would be a command, or what cannot be seen")
		}
	}
}
