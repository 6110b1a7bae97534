package finding

// earns says which edit would earn the next tier, by the code that stands in its way: the first
// one for what is refused. Codes whose texts say it already are not here.
var earns = map[Code]string{
	BuildTagged:      "name with -config all build configurations that count, so that the file is in one of them",
	CgoFile:          "move the code with the mutex into a file that does not import \"C\"",
	Patched:          "let the test replace a function of your own, which calls the client",
	EscapesInterface: "hand on the pointer itself, or keep what asks for its type in this module",
	HelperTaken:      "choose another directory with -helper-dir, or remove what is there",
	LeavesModule:     "keep the mutex in this module, and hand the other code a function of your own",
	LineDirective:    "move the code with the mutex into a file without //line directives",
	Linked:           "call the function by importing its package",
	NoOrigin:         "make the mutex with NewMutex in this module, and hand it on by variables, parameters, results and fields",
	UnsupportedUse:   "use the mutex as a variable, a parameter, a result or a field, at the place that is named",
	UnsafeUse:        "drop the conversion",
	DoesNotBuild:     "mend what the error names, where that is in your code; where it is not, report it as a fault of etcdmod",
	CommentLost:      "move the comment above the loop",
	EditFailed:       "report it as a fault of etcdmod, with the message",
	MixedClients:     "use one import path of the client in all of the module",
	HelperLacks:      "run etcdmod in the module of that package, or leave -helper-import out",

	AttemptCounter: "let a context with a deadline end the retry, not a count of tries",
	ClockElsewhere: "make the clock in this function, before the loop, and use it for nothing else",
	ClockShared:    "give the retry a clock of its own",
	ClockUnstopped: "make it with time.NewTicker, and stop it in a defer",
	ConfigsDiffer:  "let the loop call and name the same in all build configurations",
	ComplexFlow:    "make it one for loop, without goto, nested loops that try and type switches",
	HelperNoClocks: "let etcdmod generate the helper's clocks where that package is, or leave -helper-import out",
	MutexMaybeNil:  "make the mutex, or check it for nil, before the clock is made",
	MutexNotFixed:  "put the mutex into a local variable before the loop",
	MutexNotSimple: "put the mutex into a local variable before the loop",
	NoClock:        "let the rounds that failed end in a place of their own, with a wait",
	SeveralClocks:  "wait for one clock between two tries",
	SeveralTries:   "try in one place of the loop",
	SuccessLoops:   "leave the loop when the lock is held, and do the work behind it",
	TriesThroughFn: "call TryLock in the loop itself",
	UnknownClock:   "wait with package time: Sleep, After, a Ticker or a Timer",
	WorkInLoop:     "move what the round does besides out of the loop, or into another goroutine with a clock of its own",
	WatchNotPaced:  "watch the name that the mutex was made with, as a prefix, and nothing else",
	VerifyFellBack: "see what the stronger change broke, and mend that first",
	TierCapped:     "leave -tier out, where that is what asked for a weaker tier",
	JudgeDisagrees: "write what it names more plainly: what the second proof does not follow, it does not let pass",

	ContextMismatch:  "wait and try with the same context, made before the loop",
	ErrorNoHome:      "return the context's error where the loop waits: case <-ctx.Done(): return ctx.Err()",
	ErrorPolicy:      "return all errors other than ErrLocked, or retry all",
	ErrorRead:        "give the error of the try a variable that only the loop uses",
	IntervalVaries:   "compute the interval once, before the loop",
	OtherCase:        "let what the other case waits for end the context",
	LogsPerRound:     "log or count before the loop or behind it, not in each round",
	RetriesErrors:    "return errors other than ErrLocked, as Lock does",
	ShapeUnknown:     "let the loop do nothing but try, wait and return",
	SkipGoMod:        "mend what the message names, and run again",
	SkipBuildList:    "mend what the message names, and run again",
	SkipPins:         "mend what the message names, and run again",
	Placeholder:      "require a version that there is, or add the replace directive",
	NoSafeVersion:    "move to go.etcd.io/etcd/client/v3; \"etcdmod explain unsafe-client\" says which import paths change",
	NeedsCodeChanges: "move to go.etcd.io/etcd/client/v3; \"etcdmod explain unsafe-client\" says which import paths change",
	NotByDefault:     "run \"etcdmod bump -all\"",
	NotLinked:        "nothing, or drop the requirement with \"go mod tidy\"",
	NotSelected:      "raise the requirement that the go command selects, or drop this one",
	Vendored:         "mend what the message names, and run \"go mod vendor\"",

	WatchKeyUnknown: "watch with clientv3.WithPrefix what NewMutex is given, by the same constant or variable",
}

// Earn says which edit would earn the next tier, where the code stands in the way of one.
func (c Code) Earn() (text string, ok bool) {
	text, ok = earns[c]
	return text, ok
}
