package finding

// A Group is the codes that keep a finding from the same thing.
type Group struct {
	Title string
	Codes []Code
}

// Groups has every code once.
var Groups = []Group{
	{"Nothing is rewritten (refuse)", []Code{
		AliasOrDefined, BuildTagged, CgoFile, DotImport, EmbeddedMutex, EmbeddedSource, EscapesInterface, Patched, ExportedAPI, GeneratedFile, GenericType,
		HelperClient, HelperInternal, HelperTaken, HelperNowhere, HelperEdited, LeavesModule, LineDirective, LinkedFile, Linked, MethodExpr,
		MutexCopied, NoOrigin, OnlyTests, OtherRepository, Untyped, UnsupportedUse, UnsafeUse, DoesNotBuild, UnjudgedUser, CommentLost, EditFailed, MixedClients, LeasePerTry,
		SessionEarly, SessionErrors, SessionHurried, DeadlineShort, SessionOptions, LockElsewhere, LockNotRetried, QueueRead, ClientNoTryLock, HelperLacks, SessionUnknown, ElectionRead, ElectionResumed, GrantPerTry, TxnNotFollowed, ForkDiffers,
		IgnoreMalformed, IgnoreUnused,
	}},
	{"No gate: the clock stays (a few keep a loop from a collapse as well)", []Code{
		AttemptCounter, ClockElsewhere, ClockShared, ClockUnstopped, ConfigsDiffer, ComplexFlow, HelperNoClocks, MutexMaybeNil, MutexNotFixed,
		MutexNotSimple, NoClock, SeveralClocks, SeveralTries, SuccessLoops, TriesThroughFn, UnknownClock, WaitMeasured, WorkInLoop, WatchNotPaced,
	}},
	{"No collapse: the loop stays", []Code{
		ContextMismatch, ErrorNoHome, ErrorPolicy, ErrorRead, IntervalVaries, OtherCase, LogsPerRound, ShapeUnknown, WatchKeyUnknown,
	}},
	{"Not the next tier, whichever that is", []Code{TierCapped, VerifyFellBack, JudgeDisagrees}},
	{"A collapse that does not wait in the queue of Lock", []Code{RetriesErrors}},
	{"Something was not covered, or is worth a look", []Code{
		SkipUnreadable, StaleHelper, NewerHelper, SkipSyntax, SkipDependency, SkipMetadata, SkipTypes, SkipConstraints, SkipBazel, SkipGoMod,
		SkipUnverified, SkipBuildList, SkipNoModule, SkipPins, SkipNotRefreshed,
	}},
	{"A requirement is not bumped", []Code{
		Replaced, Fork, Placeholder, ExcludedTarget, ReplacedTarget, NoSafeVersion, NeedsCodeChanges, NotByDefault, SplitModule,
		PseudoUnclassified, UnsafeTarget, NotLinked, NotSelected, Vendored, VersionUnavailable, UnavailableBefore, NeedsNewerGo,
		ChecksumMismatch, NeedsRequirements, Pinned, DoesNotLoad, TidyFailed, SymbolicLink, DidNotBuild, GoModRejected, HeldVersion,
	}},
}
