package modbump

// A Defect is one thing that is wrong with a range of client versions.
type Defect struct {
	// Name is a short code.
	Name string
	// Does completes the sentence "module version …", in the present tense.
	Does string
	// Evidence is where this is known from, and which releases have the fix.
	Evidence string
}

var (
	// The stream table is filled under one formatting of the context and
	// emptied under another. It is not what v3.2.10 and newer suffer from,
	// whatever else is wrong with them.
	watchStreamLeak = &Defect{
		Name:     "watch-stream-leak",
		Does:     "leaks an entry of its stream table for every Watch, and so every contended Lock, whose context has a deadline",
		Evidence: "etcd issue #8338, fixed by commit 1c75c383a: released in v3.2.10 and v3.3.0, never in 3.0 and 3.1",
	}
	falseLockHold = &Defect{
		Name:     "false-lock-hold",
		Does:     "can report a lock as held after deleting its key, when the context ends just as the wait does",
		Evidence: "etcd issue #10111, fixed by commit 64e8b2e90: released in v3.1.20, v3.2.25 and v3.3.10",
	}
	serverWatchers = &Defect{
		Name:     "server-watchers",
		Does:     "keeps cancelled lock waits alive on the server while the client has another watch open",
		Evidence: "etcd issue #9416, fixed by commits 87aa5a9e6 (main) and 36452a1c1 (release-3.4): released in v3.4.10 and v3.5.0",
	}
	expiredSession = &Defect{
		Name:     "expired-session",
		Does:     "can report a lock as held whose session expired during the wait",
		Evidence: "fixed by etcd commit b14c7cd44: released in v3.5.0, in no 3.4",
	}
	metadataSpin = &Defect{
		Name:     "metadata-spin",
		Does:     "can spin for ever in Watch with google.golang.org/grpc v1.64.0 and two or more metadata keys",
		Evidence: "etcd issue #18303, fixed by pull requests #18308, #18311 and #18312: released in v3.4.34, v3.5.15 and v3.6.0",
	}
	splitModule = &Defect{
		Name:     "split-module",
		Does:     "gives no usable lock, since its sources import the client of github.com/coreos/etcd instead of its own",
		Evidence: "clientv3 of every etcd tag up to v3.3.27 imports github.com/coreos/etcd/etcdserver/etcdserverpb; the paths changed on main only (commit 2ac04381a)",
	}
	transportListener = &Defect{
		Name:     "transport-listener",
		Does:     "has a vulnerable TLS listener in its package transport, which servers use and clients do not",
		Evidence: "GO-2026-6107: fixed in v3.5.33, v3.6.14 and v3.7.1",
	}
)
