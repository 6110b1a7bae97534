package finding

// Renewed is what the generated package does otherwise than that of v0.1.0, for whoever has that one.
// CHANGELOG.md has the same sentences.
var Renewed = []string{
	"A Mutex is for one goroutine at a time, as the client's is; several could call that of v0.1.0.",
	"`Lock` is the client's: it notices the end of its session when the keys before its own have gone. That of v0.1.0 noticed it at once, with `ErrSessionExpired`.",
	"A release of which the watch does not tell (a dead connection) is found by a read up to 40 s later; it was 5 s. `WatchLockEvery` is `WatchLock`: its interval has no say in that any more.",
	"A question that meets a silent server is asked again after 4 s; a call had 5 s in all.",
}
