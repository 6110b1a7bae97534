package rewrite

func helperTryLocks(p *functions) *attempt { return &attempt{is: p.IsHelperTryLock} }

func timedLocks(p *functions) *attempt {
	t := &timed{Program: p.Program, queues: isLock}
	return &attempt{is: t.is, timed: true}
}

func timedCampaigns(p *functions) *attempt {
	t := &timed{Program: p.Program, queues: isCampaign}
	return &attempt{is: t.is, timed: true}
}

func creations(p *functions) *attempt {
	t := txns{p}
	return &attempt{is: t.isCreation, replies: true}
}
