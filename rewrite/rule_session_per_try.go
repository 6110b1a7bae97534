// session-per-try: each try for an etcd mutex makes a session of its own.
//
// A session is a lease, and granting it is written to raft whatever TryLock does. Where it
// is not closed when the try fails, the lease and the goroutine that keeps it alive stay
// until the process ends: a lease per try, each renewed every few seconds, for ever.
//
// Before:
//
//	for {
//		session, err := concurrency.NewSession(client)
//		if err != nil {
//			return err
//		}
//		mu := concurrency.NewMutex(session, "/locks/leader")
//		if mu.TryLock(ctx) == nil {
//			return work(ctx, session, mu)
//		}
//		time.Sleep(time.Second)
//	}
//
// After (by hand): one session for all tries, and a new one only when it has ended.
//
//	session, err := concurrency.NewSession(client)
//	if err != nil {
//		return err
//	}
//	defer session.Close()
//	mu := concurrency.NewMutex(session, "/locks/leader")
//	if err := mu.Lock(ctx); err != nil {
//		return err
//	}
//	return work(ctx, session, mu)
//
// Why it is not rewritten: where a session is made anew says what becomes of it when a try
// fails, when the work ends and when the client is closed, and none of that can be told from
// the loop. The TryLock in it is a finding of its own and is guarded where the types can
// change, which spares the two entries that it writes; this finding stays, also after that,
// since the lease does.
package rewrite

import "fmt"

// sessionEachTry describes a site that makes a session per try.
func sessionEachTry(s *site) string {
	left := ""
	if !closesSession(s) {
		left = ", and one that fails leaves it behind, with a goroutine"
	}
	return fmt.Sprintf("%s makes a session for each try; each is granted a lease%s", s.name, left)
}
