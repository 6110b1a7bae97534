package tries

import "etcdmod/rewrite/internal/loop"

// HelperTryLocks are the calls that TryLock calls become.
func HelperTryLocks(p *loop.Functions) *loop.Attempt { return &loop.Attempt{Is: p.IsHelperTryLock} }

// TimedLocks are the calls of Lock whose context has a deadline.
func TimedLocks(p *loop.Functions) *loop.Attempt {
	t := &timed{Program: p.Program, queues: isLock}
	return &loop.Attempt{Is: t.is, Timed: true, Through: t.through}
}

// HelperLocks are the calls that timed locks become.
func HelperLocks(p *loop.Functions) *loop.Attempt {
	t := &timed{Program: p.Program, queues: isLockWithin}
	return &loop.Attempt{Is: t.is, Timed: true}
}

// TimedCampaigns are the calls of Campaign whose context has a deadline.
func TimedCampaigns(p *loop.Functions) *loop.Attempt {
	t := &timed{Program: p.Program, queues: isCampaign}
	return &loop.Attempt{Is: t.is, Timed: true, Through: t.through}
}

// HelperCampaigns are the calls that timed campaigns become.
func HelperCampaigns(p *loop.Functions) *loop.Attempt {
	t := &timed{Program: p.Program, queues: isCampaignWithin}
	return &loop.Attempt{Is: t.is, Timed: true}
}

// Creations are the transactions that create a key if it is missing.
func Creations(p *loop.Functions) *loop.Attempt {
	t := Txns{p}
	return &loop.Attempt{Is: t.isCreation, Replies: true}
}
