package rewrite

import (
	"go/ast"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/account"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/tries"
)

// A rule is one kind of finding. All that is special to it stands in the file that is named
// after it, rule_session_per_try.go for session-per-try, with its documentation as the comment
// at the top.
type rule struct {
	id    string
	about subject
	// words are what the source must contain for the rule to be possible.
	words Need
	// tries are what is retried, each in a search of its own; nil for a rule that is not about
	// loops.
	tries []*try
	// match describes a loop that falls under the rule, or returns nil.
	match func(*candidate) *match
	// guard, if set, gives the calls that become others beside the types of the mutexes, or says
	// why nothing may.
	guard func(*loop.Finder, *candidate) ([]replacement, []finding.Reason)
	// beside says that the rule stands beside the one that the loop falls under otherwise.
	beside bool
	// top is the strongest tier that a finding of the rule may get, and code why it is only
	// reported where that is Refuse.
	top  finding.Tier
	code finding.Code
	// ceiling is why the rule allows no stronger tier, whatever the loop is like. A spin has none: with a
	// wait of its own it falls under another rule.
	ceiling string
	// noGate says that there is no clock to swap, so that the tier above guard is collapse.
	noGate bool
	// skips says that a round which does not get the lock is one without the work: nothing waits for it.
	skips bool
	// outgrown is what keeps a loop under the rule: once that is mended it falls under another one,
	// which may get more.
	outgrown finding.Code
}

// capped is the reason why a finding with the strongest tier that the rule allows gets no more.
func (r *rule) capped() *finding.Reason {
	detail := r.id + " gets at most " + r.top.String()
	if r.ceiling != "" {
		detail += ": " + r.ceiling
	}
	return &finding.Reason{Code: finding.TierCapped, Detail: detail}
}

// A subject is what a rule is about.
type subject int

const (
	aLoop subject = iota
	aComment
)

// A try is a kind of attempt that is looked for.
type try struct {
	attempt func(*loop.Functions) *loop.Attempt
	// calls returns the calls of the method by which a site asks; nil where there is no mutex
	// whose type could change.
	calls func(*source.Program, *loop.Site) []loop.Hop
	// helper says that it is of the helper package, which has to be there.
	helper bool
	// counted is how accounting names it, where it counts calls that are no attempt, and harmless the
	// verdict for these, with its reason.
	counted  account.Kind
	harmless func(*loop.Functions, *source.File, *ast.CallExpr) (finding.Verdict, string)
	// otherwise is the verdict for what a loop tries that no rule matches, and why its reason.
	otherwise finding.Verdict
	why       string
}

// What loops retry.
var (
	tryLock       = &try{attempt: loop.TryLocks, calls: attempts}
	helperTryLock = &try{attempt: tries.HelperTryLocks, helper: true}
	lockInTime    = &try{attempt: tries.TimedLocks, calls: tries.Locks, counted: account.Lock, harmless: unbounded(tries.TimedLocks), otherwise: finding.PerRequest, why: goesRound}
	helperLock    = &try{attempt: tries.HelperLocks, helper: true}
	leadInTime    = &try{attempt: tries.TimedCampaigns, counted: account.Campaign, harmless: unbounded(tries.TimedCampaigns), otherwise: finding.PerRequest, why: goesRound}
	helperLead    = &try{attempt: tries.HelperCampaigns, helper: true}
	createKey     = &try{attempt: tries.Creations, counted: account.Create, harmless: noLock, otherwise: finding.Once, why: "the loop does not wait for the key to be free"}
)

func attempts(_ *source.Program, s *loop.Site) []loop.Hop { return s.Attempts() }

// unbounded judges a call that is no attempt, since no deadline is given to it where it is repeated.
func unbounded(attempt func(*loop.Functions) *loop.Attempt) func(*loop.Functions, *source.File, *ast.CallExpr) (finding.Verdict, string) {
	return func(p *loop.Functions, f *source.File, call *ast.CallExpr) (finding.Verdict, string) {
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && f.Pkg.TypesInfo.Selections[sel] != nil && f.Pkg.TypesInfo.Selections[sel].Kind() == types.MethodExpr {
			return finding.Unknown, "the method is used as a function, and loops are not followed to such a call with a deadline"
		}
		if len(call.Args) > 0 {
			if _, kept := ast.Unparen(call.Args[0]).(*ast.SelectorExpr); kept {
				return finding.Unknown, "its context is kept in a field, and who gives that a deadline is not followed"
			}
		}
		if attempt(p).Is(f, call) {
			return "", ""
		}
		if tries.GivenDeadline(p.Program, f, call) {
			return finding.Unknown, "its context is given a deadline by who calls it through an interface, which loops are not followed to"
		}
		if fn, ok := f.Callee(call).(*types.Func); ok && fn.Signature().Recv() != nil && types.IsInterface(fn.Signature().Recv().Type()) {
			return finding.Unknown, "it is called through an interface or a type parameter, and loops are not followed to such a call with a deadline"
		}
		if tries.Cancelled(p.Program, f, call) {
			return finding.Unknown, "its context is cancelled by something beside it, and loops are not followed to such a call"
		}
		return finding.Once, "what bounds it is made outside of the loop"
	}
}

// noLock judges a transaction that creates a key and is no attempt at a lock.
func noLock(p *loop.Functions, f *source.File, call *ast.CallExpr) (finding.Verdict, string) {
	txns := tries.Txns{Functions: p}
	switch {
	case tries.Unasked(f, call):
		return finding.Once, "the key is no lock: nobody asks whether it was made"
	case f.IsClientCall(call, "Do"):
		return finding.Unknown, "the transaction is an operation of Do, and loops are not followed to such a one"
	case txns.PutsElse(f, call):
		return finding.Unknown, "the key is put where the comparison fails, and loops are not followed to such a transaction"
	case !txns.Reads(f, call):
		return finding.Unknown, "what the transaction demands and does is put together elsewhere"
	case !tries.Creations(p).Is(f, call):
		return finding.Once, "the key is no lock: it is another one each time, known to be missing, or taken as it is"
	}
	return "", ""
}

const goesRound = "the loop goes round for others, whatever came of the call"

// A candidate is a loop that retries an attempt.
type candidate struct {
	*loop.Site
	// components are those of the mutexes that it tries; none where the attempt is not on one
	// whose type could change.
	components []*flow.Component
	client     string // import path of the package concurrency of the client, where that is no mutex's
	// beside are the loops of the same search, with this one.
	beside []*candidate
}

// refusal returns the first component that cannot be rewritten, or nil.
func (c *candidate) refusal() *flow.Component {
	for _, m := range c.components { // every mutex of the loop, not only the first
		if len(m.Reasons) > 0 {
			return m
		}
	}
	return nil
}

// A match says how a loop falls under a rule.
type match struct {
	message string
	at      ast.Node // what is wrong, where the rule is only reported
}

// A Need is what the source of a module must contain for a rule to be possible.
type Need struct {
	// Client says that packages which see package clientv3 must have all of it, together; otherwise
	// those that see package concurrency.
	Client bool
	// Words are lists of words. One of each list must occur; none means that the rule needs
	// no more than others do.
	Words [][]string
	// Notable says that it is worth a note where the words occur in a file that cannot be
	// read, or that no build configuration has.
	Notable bool
}

func (n Need) same(o Need) bool {
	return n.Client == o.Client && slices.EqualFunc(n.Words, o.Words, slices.Equal[[]string])
}

// aClock are words of what gives a context a deadline, or may cancel it after some time.
var aClock = []string{"WithTimeout", "WithDeadline", "AfterFunc", "time.After(", "time.Sleep(", "NewTimer(", "NewTicker(", "time.Tick("}

// ofTryLock is what the rules about TryLock need.
var ofTryLock = Need{Words: [][]string{{"TryLock"}}, Notable: true}
