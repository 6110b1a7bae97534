package finding

import (
	"maps"
	"slices"
	"strings"
)

// A Code names why a finding was refused, why it did not get the next higher tier, or why
// something was not covered. [Code.Explain] has a text for every code.
type Code string

const (
	// Why nothing can be rewritten.
	AliasOrDefined   Code = "defined-type"
	BuildTagged      Code = "build-tagged-file"
	CgoFile          Code = "cgo-file"
	DotImport        Code = "dot-import"
	EmbeddedMutex    Code = "embedded-mutex"
	EmbeddedSource   Code = "embedded-source"
	EscapesInterface Code = "escapes-to-interface"
	Patched          Code = "patched-at-run-time"
	ExportedAPI      Code = "exported-api"
	GeneratedFile    Code = "generated-file"
	GenericType      Code = "generic-type"
	HelperClient     Code = "helper-other-client"
	HelperInternal   Code = "helper-internal"
	HelperTaken      Code = "helper-dir-taken"
	HelperNowhere    Code = "helper-nowhere"
	HelperEdited     Code = "helper-edited"
	LeavesModule     Code = "leaves-module"
	LineDirective    Code = "line-directive"
	LinkedFile       Code = "linked-file"
	Linked           Code = "linked-name"
	MethodExpr       Code = "method-expression"
	MutexCopied      Code = "mutex-copied"
	NoOrigin         Code = "origin-unknown"
	OnlyTests        Code = "only-tests-poll"
	OtherRepository  Code = "other-repository"
	Untyped          Code = "not-type-checked"
	UnsupportedUse   Code = "unsupported-use"
	UnsafeUse        Code = "unsafe"
	DoesNotBuild     Code = "does-not-build"
	CommentLost      Code = "comment-lost"
	EditFailed       Code = "edit-failed"
	MixedClients     Code = "several-clients"
	LeasePerTry      Code = "lease-per-try"
	SessionEarly     Code = "session-used-early"
	SessionErrors    Code = "session-errors-differ"
	SessionHurried   Code = "session-hurried"
	SessionOptions   Code = "session-options"
	DeadlineShort    Code = "deadline-short"
	LockElsewhere    Code = "lock-elsewhere"
	LockNotRetried   Code = "lock-not-retried"
	QueueRead        Code = "queue-read"
	ClientNoTryLock  Code = "client-without-trylock"
	HelperLacks      Code = "helper-lacks-file"
	SessionUnknown   Code = "session-unknown"
	ElectionRead     Code = "election-read"
	ElectionResumed  Code = "election-resumed"
	GrantPerTry      Code = "grant-per-try"
	TxnNotFollowed   Code = "transaction-not-followed"
	ForkDiffers      Code = "fork-differs"
	UnjudgedUser     Code = "user-not-judged"
	IgnoreMalformed  Code = "ignore-malformed"
	IgnoreUnused     Code = "ignore-unused"

	// Why the clock stays.
	AttemptCounter Code = "attempt-counter"
	ClockElsewhere Code = "clock-elsewhere"
	ClockShared    Code = "clock-shared"
	ClockUnstopped Code = "clock-never-stopped"
	ConfigsDiffer  Code = "configurations-differ"
	ComplexFlow    Code = "complex-flow"
	HelperNoClocks Code = "helper-without-clocks"
	MutexMaybeNil  Code = "mutex-maybe-nil"
	MutexNotFixed  Code = "mutex-reassigned"
	MutexNotSimple Code = "mutex-not-simple"
	NoClock        Code = "no-clock"
	SeveralClocks  Code = "several-clocks"
	SeveralTries   Code = "several-tries"
	SuccessLoops   Code = "success-keeps-looping"
	TriesThroughFn Code = "tries-through-function"
	UnknownClock   Code = "clock-unknown"
	WaitMeasured   Code = "wait-measured"
	WorkInLoop     Code = "work-in-loop"
	WatchNotPaced  Code = "watch-paced"
	TierCapped     Code = "tier-capped"
	VerifyFellBack Code = "verify-fell-back"
	JudgeDisagrees Code = "judge-disagrees"

	// Why the loop stays.
	ContextMismatch Code = "context-mismatch"
	ErrorNoHome     Code = "error-has-no-home"
	ErrorPolicy     Code = "error-policy"
	ErrorRead       Code = "error-read-elsewhere"
	IntervalVaries  Code = "interval-varies"
	OtherCase       Code = "other-select-case"
	LogsPerRound    Code = "logs-per-round"
	RetriesErrors   Code = "retries-errors"
	ShapeUnknown    Code = "shape-unknown"
	WatchKeyUnknown Code = "watch-key-unproved"

	// Why something was not covered.
	SkipUnreadable  Code = "unreadable"
	StaleHelper     Code = "stale-helper"
	NewerHelper     Code = "newer-helper"
	SkipSyntax      Code = "syntax-error"
	SkipDependency  Code = "missing-dependency"
	SkipMetadata    Code = "package-error"
	SkipTypes       Code = "type-error"
	SkipConstraints Code = "build-constraints"
	SkipBazel       Code = "bazel"
	SkipGoMod       Code = "go-mod"
	SkipUnverified  Code = "not-verified"
	SkipBuildList   Code = "build-list"
	SkipNoModule    Code = "no-module"
	SkipPins        Code = "pins"

	SkipNotRefreshed Code = "not-refreshed"

	// Why a requirement is not bumped.
	Replaced           Code = "replaced"
	Fork               Code = "fork"
	Placeholder        Code = "placeholder"
	ExcludedTarget     Code = "excluded-target"
	ReplacedTarget     Code = "replaced-target"
	NoSafeVersion      Code = "no-safe-version"
	NeedsCodeChanges   Code = "needs-code-changes"
	NotByDefault       Code = "not-by-default"
	SplitModule        Code = "split-module"
	PseudoUnclassified Code = "pseudo-unclassified"
	UnsafeTarget       Code = "unsafe-target"
	NotLinked          Code = "not-linked"
	NotSelected        Code = "not-selected"
	Vendored           Code = "vendored"
	VersionUnavailable Code = "version-unavailable"
	UnavailableBefore  Code = "unavailable-before"
	NeedsNewerGo       Code = "needs-newer-go"
	ChecksumMismatch   Code = "checksum-mismatch"
	NeedsRequirements  Code = "needs-more-requirements"
	Pinned             Code = "pinned"

	// Why a bump was not made, for another reason than the policy's.
	DoesNotLoad   Code = "does-not-load"
	TidyFailed    Code = "tidy-failed"
	SymbolicLink  Code = "symbolic-link"
	DidNotBuild   Code = "did-not-build"
	GoModRejected Code = "go-mod-rejected"
	HeldVersion   Code = "held-version"
)

// texts explains every code: what was seen, and what that means. [Code.Earn] has what to do.
var texts = map[Code]string{
	AliasOrDefined:   "A type is defined over concurrency.Mutex. Its method set would change with the type below it.",
	BuildTagged:      "A file that the current build configuration leaves out uses the mutex too: it imports the client, or uses something of its package that holds the mutex otherwise than by calling a method, or has to do with elections, one of which is polled. A rewrite of the other files alone would break that configuration, or change what it sees.",
	CgoFile:          "The file imports \"C\". What the type checker sees is generated from it, so positions cannot be trusted.",
	DotImport:        "The client's package is imported with a dot, so its names have no qualifier to replace.",
	EmbeddedMutex:    "A struct embeds the mutex, and its method set, or that of a struct that embeds it, would change: the helper's Mutex has methods of its own, and its Header lies one level deeper.",
	Patched:          "A function of the client goes to code that may replace it at run time, as libraries for tests do; the rewritten code would call another one in its place.",
	EscapesInterface: "The mutex is converted to an interface, and something that cannot change with it may ask there for its type at run time, which the compiler does not check.",
	ExportedAPI:      "An exported declaration of a package that other modules may import, or of a program that may be built as a plugin, has the mutex in its type, or such a package keeps mutexes in interfaces. Who compiles against it cannot be told from here, also where a program of this module uses it.",
	GeneratedFile:    "The mutex flows through a generated file. An edit would be lost the next time that it is generated.",
	GenericType:      "The mutex goes into generic code that is not followed, or that hands it to code which may ask for its type at run time.",
	HelperClient:     "The package that -helper-import names was generated for another import path of the etcd client than the one that this mutex is of.",
	HelperInternal:   "The helper package lies below a directory named internal, and this code is outside the tree that may import it.",
	HelperNowhere:    "The helper package cannot go where it would be put: a directory on the way is a module or a git repository of its own, a link or no directory, or git ignores what is there, so that a commit would not build.",
	HelperTaken:      "The directory of the helper package exists and holds files that etcdmod did not generate. They are not written over.",
	HelperEdited:     "A file of the helper package was changed by hand after etcdmod generated it, so that it cannot be told what it does, and renewing it would lose that change. \"etcdmod helper -check FILE\" says the same of one file.",
	StaleHelper:      "The helper package is one that an earlier version of etcdmod generates. It works as it did, and the next change that needs the package renews it. What the new one does otherwise than that of v0.1.0: " + strings.Join(Renewed, " "),
	NewerHelper:      "The helper package was generated by a newer version of etcdmod than this one, and is left as it is.",
	LeavesModule:     "The mutex is handed to, or comes from, code outside this module's editable source. That code wants the client's type, and cannot be changed from here.",
	LineDirective:    "The file has //line directives, so positions in it cannot be trusted.",
	LinkedFile:       "The file has another name, by a symbolic link to it or to a directory around it. An edit would change what is compiled under the other name too, and git keeps the name of a link's target in its place, so that no patch takes it.",
	EmbeddedSource:   "A go:embed directive takes the file into a program as data, which prints or compares the text of it: an edit would change that.",
	Linked:           "The mutex, or a struct that holds it, is a parameter, a result or the type of something that the linker joins with a declaration elsewhere: a function without a body, one that assembly of its package may call, or a name in a linkname directive. The compiler does not compare the two types.",
	MethodExpr:       "A method expression of a type that holds the mutex names the type as a value. The name would mean another type.",
	MutexCopied:      "The mutex is used or copied by value. A copy of a lock knows nothing of what becomes of the other one.",
	NoOrigin:         "Not every constructor call that the mutex may come from was found in the source that can be edited. One that is left would go on making the type of the client.",
	OnlyTests:        "Only tests poll this mutex, and the code of the program that makes it would have to change for their sake.",
	OtherRepository:  "The file is in a git repository of its own below the module, a submodule or a clone. No commit of the module's repository would have the edit, and what is in the other one is not for this run to change.",
	Untyped:          "The types around this call, or in its package, could not be resolved: who calls what is not known there, and only loops that try by themselves are found.",
	UnsupportedUse:   "The mutex is used in a way that etcdmod does not follow. Whether it would stand another type is not known.",
	UnsafeUse:        "The mutex is converted through unsafe. What reads it there counts on the memory of the client's type.",
	UnjudgedUser:     "The change would give an exported declaration another type, and a module of the repository that may use it cannot be judged: it does not build or load as it is, or nobody can read it.",
	DoesNotBuild:     "The rewritten code brought errors that the original did not have: of the compiler, of vet, or of a test that passed before. Nothing of it was kept.",
	CommentLost:      "The rewrite would have lost a comment, or left a directive such as //nolint without the statement that it was written for. Nothing of it was kept.",
	EditFailed:       "The edit could not be carried out. Nothing of it was kept.",
	MixedClients:     "The module uses the mutex of more than one client module path, and one helper package serves only one.",
	LeasePerTry:      "Each try makes a session of its own. Granting its lease is written to raft whatever becomes of the try. The try can grant it only where its function makes the session, as the only value of a variable, and from it the mutex.",
	SessionUnknown:   "The session of the election cannot be named where Campaign is called. It has to be in a variable that nothing assigns again, in a field beside the election's that is always set together with it, or in a parameter that each call gives beside the election: to wait for the leader to go takes the client of that session.",
	ElectionRead:     "The module reads Key, Rev or Header of the election where its last Campaign may have failed. One that has written nothing leaves them as they were; the client's forgets its key.",
	ElectionResumed:  "The module resumes an election: it knows the key of a leader, and takes it for its own. What a Campaign that waits without a key does to that was not proved.",
	SessionEarly:     "The session of the try, or its mutex, goes elsewhere before it is plain that the try has won: into a field, to another function, or to a call that needs the lease. A session that is granted its lease by the try has none there yet.",
	SessionErrors:    "An error of NewSession takes another way than one of the try, or what follows could not be told. Where the lease is granted by the try, an error of the grant is one of the try.",
	SessionHurried:   "The try has a deadline of less than a second, and the lease is granted before that begins. Where the try grants it, far servers would leave no time to win.",
	DeadlineShort:    "The call has a deadline of 250 ms or less. In so little time the helper does not ask before it writes, so that a call that fails would write as it does now.",
	SessionOptions:   "NewSession gets an option that cannot be kept until the lease is granted: only WithTTL and WithContext can, each as a call.",
	LockElsewhere:    "Another call locks the mutex, or campaigns in the election, as well and waits for its turn in the queue, or may do so where the election goes to. A call that joins the queue only when it has to would lose its turns to it.",
	LockNotRetried:   "The same call serves callers that do not try again: a request that is given up. The place in the queue is what they pay for, and it is worth its two entries.",
	QueueRead:        "Code of the module reads or watches keys that may be below the prefix of the mutex, or of the election, such as to tell who waits. A caller that waits without a key would be missing there.",
	ClientNoTryLock:  "The Mutex of this version of the client has no TryLock, which the helper package is made of.",
	HelperLacks:      "The package that -helper-import names, or one of a newer version in this module, lacks the file that this rewrite needs. A run of etcdmod in its own module generates it where a loop there has the same finding.",
	GrantPerTry:      "Each try is granted a lease before its transaction. That is an entry of the raft log whatever the transaction decides, and a lease that stays until it expires unless it is revoked.",
	TxnNotFollowed:   "The transaction cannot be committed with reads alone first: where it begins, or what it does where the key is there, could not be told.",
	ForkDiffers:      "It is not proved that this fork writes the keys of etcd's own Mutex, which are what the helper reads. Its NewMutex, Mutex.TryLock and Mutex.tryAcquire must be those of etcd, to the letter but for comments, and it must have what the helper uses besides.",
	IgnoreMalformed:  "The comment does not have the form //etcdmod:ignore RULE[,RULE...] reason, so it ignores nothing.",
	IgnoreUnused:     "No finding of the rule is on the line of the comment, on the line below it, or in the function that it documents.",

	AttemptCounter: "Rounds hand on a value, such as a counter of attempts or a flag that there was one, which decides whether the loop ends, what it tries or how long it waits, or which others see. Waking early would use it up sooner.",
	ClockElsewhere: "The clock is made in another function, is a parameter or a field, is passed on, or is made again and again and never stopped. It may pace more than this retry.",
	ClockShared:    "The clock is also used for something else than waiting for this retry. A wake-up at a release would come in on that as well.",
	ClockUnstopped: "The ticker may tick on after its loop, on one of the ways out or on all. Package time's is collected then, since Go 1.23; the helper's, which a release rings, is not.",
	ConfigsDiffer:  "The loop is not the same in all build configurations that were asked for: something that it calls or names is declared anew in one of them.",
	ComplexFlow:    "The control flow of the loop could not be followed (goto, nested loops, type switches). Which rounds have tried in vain is not known.",
	HelperNoClocks: "The package that -helper-import names has no clocks.go, which this rewrite needs. A run of etcdmod in its own module generates it where a loop there keeps its clock.",
	MutexMaybeNil:  "The mutex's own clock would need the mutex earlier than the first try does, and something in between may keep the loop from trying, such as a check for nil: it could not be proved that there is one by then.",
	MutexNotFixed:  "The mutex is assigned where it cannot be proved to stay the same while a clock of it, or a wait in the loop's place, is in use. Either would listen for the lock that it was made with.",
	MutexNotSimple: "The mutex is not a plain variable or field at the loop (index, call, range variable). A clock of it would have to name the same one once more.",
	NoClock:        "Nothing paces the loop. Where it is no gate, no place was found for a wait: etcdmod inserts one only where every path has just failed to get the lock. Where it is no collapse, there is no interval that a wait in the loop's place could keep.",
	SeveralClocks:  "More than one clock is in play, or the loop waits more than once between two tries; it cannot be told which wait paces the retry.",
	SeveralTries:   "The loop tries more than once per round, or more than one mutex. A clock goes by the last try of one mutex.",
	SuccessLoops:   "The loop goes on after success: what paces it paces the work done under the lock, or the health check of a leader, too.",
	TriesThroughFn: "The loop reaches TryLock through another function, a function value or an interface, which may do more than to try.",
	UnknownClock:   "The loop waits, or may wait, for something that is not a known clock, or for a timer that fires only once. There is nothing in whose place a clock of the mutex could be put.",
	WaitMeasured:   "How long the loop waited is measured, and that decides something, or is returned, stored, sent or passed on. A wait that ends early at a release is shorter.",
	WorkInLoop:     "A round that failed does more than wait, log and count. Its pace must stay.",
	WatchNotPaced:  "The loop is paced by watch events, not by a clock. There is nothing in whose place a clock of the mutex could be put.",
	TierCapped:     "A weaker tier was asked for with -tier, or the rule allows no stronger one, for any loop; the reason then says why.",
	JudgeDisagrees: "The second proof, which sees the function before and after the edit and knows nothing of the first one, does not let it pass, for the reason that is given. The next weaker tier is what remains.",
	VerifyFellBack: "The stronger rewrite brought errors that the original did not have: of the compiler, of vet, or of a test that passed before. The next weaker one was taken.",

	ContextMismatch: "The context that the try uses is not the one that ends the wait. A wait in the loop's place has one context for both.",
	ErrorNoHome:     "The wait can end with an error (the context or the session has ended), and the loop has no way out for one, or one that does more than to log and to return, which must not happen when only the session has ended.",
	ErrorPolicy:     "Errors other than ErrLocked are partly retried and partly returned, or the end of the context leaves the loop in more ways than one. A wait in the loop's place returns them all or retries them all.",
	ErrorRead:       "The variable that holds the error of the last try can be read by others while the loop waits, or when it has ended: a deferred function, another goroutine, another function. A wait in its place would leave another value there.",
	IntervalVaries:  "The interval changes, or may change, from round to round, or is computed inside the loop. A wait in the loop's place has one interval.",
	OtherCase:       "The select has a case besides the clock and the context's end. A wait in the loop's place would not hear of it.",
	LogsPerRound:    "A failed round logs or counts, which the wait would no longer do.",
	RetriesErrors:   "Lock was asked for, which returns every error at once. The loop tries again after errors other than ErrLocked, as WatchLockRetry does.",
	ShapeUnknown:    "The loop is none of the shapes that can be replaced as a whole, or what would be kept of it would mean something else outside the loop.",
	WatchKeyUnknown: "It could not be proved that the watch is for this lock's prefix. A wait in the loop's place hears of nothing else.",

	SkipUnreadable:   "The file or directory could not be read, so nothing is known of what is in it.",
	SkipSyntax:       "The file does not parse. What the parser could make out was analysed.",
	SkipDependency:   "A package that this one imports cannot be had: go.sum lacks its entry, the module cannot be downloaded, or it does not exist. What resolves without it was analysed.",
	SkipMetadata:     "The go command cannot make out the package, for example since its files name two packages or it imports itself. \"go list\" says the same.",
	SkipTypes:        "The package does not type-check. What resolves was analysed.",
	SkipConstraints:  "The file tries a lock, but its name, its build constraints or the name of its directory leave it out of every build configuration of this run. Nothing was looked for in it.",
	SkipBazel:        "The package has a BUILD file, which is not edited. Bazel builds with what that names, and with nothing else.",
	SkipGoMod:        "The go.mod could not be judged, so nothing is known of the etcd client that it requires.",
	SkipUnverified:   "The changed file or package was not compiled, vetted or tested as asked for: it belongs to another build configuration, or it failed before the change as well.",
	SkipBuildList:    "The go command could not tell which versions it builds, so that only the requirements in go.mod were judged, as they stand.",
	SkipNoModule:     "There is no go.mod, so that only the files of other dependency tools were looked at, not the code.",
	SkipPins:         "A file of another dependency tool could not be read, so that nothing is known of what it pins.",
	SkipNotRefreshed: "A module that this one replaces by its directory was bumped, and this one could not be made to fit: with that bump it may not build.",

	Replaced:           "A replace directive decides which code is built, so that a new version in the require line would change nothing or drop the replacement.",
	Fork:               "A replace directive builds a directory or a module that the policy does not know.",
	Placeholder:        "The version is a placeholder that only a replace directive gives a meaning; there is none in this go.mod.",
	ExcludedTarget:     "An exclude directive forbids every version that the bump could go to.",
	ReplacedTarget:     "A replace directive catches every version that the bump could go to.",
	NoSafeVersion:      "The policy knows no safe version of this module path that would take the place of the required one.",
	NeedsCodeChanges:   "The fixed versions have another API, so that a new version alone would not compile.",
	NotByDefault:       "The version has known defects, but outside the range that is bumped without being asked.",
	SplitModule:        "The sources of this version import github.com/coreos/etcd instead of their own packages, so that it gives no usable lock. That goes for every version of etcd before 3.4 under this module path.",
	PseudoUnclassified: "The commit has no tag, or is none that etcdmod knows, and its time, where that is known, does not tell whether it has the fix.",
	UnsafeTarget:       "The version that was asked for is not safe either.",
	NotLinked:          "No package of the client is part of what is built, so that the defects of its module do not matter here.",
	NotSelected:        "The go command would not select the new version, since the requirement is not in the build list or another one asks for more.",
	Vendored:           "The module is vendored, and the vendor directory could not be made again for the new version.",
	VersionUnavailable: "The go command cannot have the new version, or a module that is needed with it and not without: it was not found, or not allowed.",
	UnavailableBefore:  "The go command cannot have a module that is needed without the bump as well, so that nothing can be said of the module with another version.",
	NeedsNewerGo:       "The new version, or a module that is needed with it, is for a newer go command than the one that runs.",
	ChecksumMismatch:   "A module does not have the checksum that go.sum or the checksum database says.",
	NeedsRequirements:  "With the new version the go.mod needs further or higher requirements, and etcdmod found no set of them that the go command is content with.",
	Pinned:             "Another dependency tool than the go command pins the version.",

	DoesNotLoad:   "The go command takes the go.mod as it is, and with the bump it does not load the module any more. The message has its words.",
	TidyFailed:    "The bump was found to build, and \"go mod tidy\", which -tidy asks for, fails after it. The message has its words.",
	SymbolicLink:  "A file that the bump would change, which the message names, is a symbolic link: a patch that changes it does not apply, and the file may be that of other modules as well.",
	DidNotBuild:   "What imports the client does not build without the bump either, so that nobody can tell whether it would with it. The message has the first error that is there now.",
	GoModRejected: "The go command does not accept the go.mod, or the settings that it reads it with, as they are, without the bump as well. The message has its words.",
	HeldVersion:   "Another module, which the message names, requires a version above the one that the bump goes to, and the go command builds the highest.",
}

// Explain says what was seen and what that means. It is false for what is no code.
func (c Code) Explain() (text string, ok bool) {
	text, ok = texts[c]
	return text, ok
}

// Codes lists every code, in order.
func Codes() []Code { return slices.Sorted(maps.Keys(texts)) }
