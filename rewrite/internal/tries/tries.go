package tries

import "etcdmod/rewrite/internal/loop"

func HelperTryLocks(p *loop.Functions) *loop.Attempt { return &loop.Attempt{Is: p.IsHelperTryLock} }

func TimedLocks(p *loop.Functions) *loop.Attempt {
	t := &timed{Program: p.Program, queues: isLock}
	return &loop.Attempt{Is: t.is, Timed: true, Through: t.through}
}

// HelperLocks are the calls that timed locks become.
func HelperLocks(p *loop.Functions) *loop.Attempt {
	t := &timed{Program: p.Program, queues: isLockWithin}
	return &loop.Attempt{Is: t.is, Timed: true}
}

func TimedCampaigns(p *loop.Functions) *loop.Attempt {
	t := &timed{Program: p.Program, queues: isCampaign}
	return &loop.Attempt{Is: t.is, Timed: true, Through: t.through}
}

// HelperCampaigns are the calls that timed campaigns become.
func HelperCampaigns(p *loop.Functions) *loop.Attempt {
	t := &timed{Program: p.Program, queues: isCampaignWithin}
	return &loop.Attempt{Is: t.is, Timed: true}
}

func Creations(p *loop.Functions) *loop.Attempt {
	t := Txns{p}
	return &loop.Attempt{Is: t.isCreation, Replies: true}
}
