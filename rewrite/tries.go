package rewrite

func helperTryLocks(p *functions) *attempt { return &attempt{is: p.IsHelperTryLock} }

func timedLocks(p *functions) *attempt {
	t := &timed{Program: p.Program}
	return &attempt{is: t.isTimedLock, timed: true}
}

func creations(p *functions) *attempt {
	t := txns{p}
	return &attempt{is: t.isCreation, replies: true}
}
