//go:build race

package patch

// raceEnabled tells tests of sheer size that the race detector would make them slow.
const raceEnabled = true
