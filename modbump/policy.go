package modbump

import (
	"slices"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// Module paths under which the etcd client has been published.
const (
	pathCoreOS   = "github.com/coreos/etcd"    // to 3.3
	pathGitHub   = "github.com/etcd-io/etcd"   // where the repository is; never its module path
	pathRoot     = "go.etcd.io/etcd"           // 3.4
	pathRootV3   = "go.etcd.io/etcd/v3"        // main between 3.4 and 3.5
	pathClientV3 = "go.etcd.io/etcd/client/v3" // from 3.5
	// What the client of 3.5 is built from; the three have one version.
	pathAPI = "go.etcd.io/etcd/api/v3"
	pathPkg = "go.etcd.io/etcd/client/pkg/v3"
)

// Targets of a bump. They are fixed here since the go command's own idea of the
// latest version is wrong for this module: "@latest" of github.com/coreos/etcd
// is v2.3.8, and the list of its versions may end there.
const (
	// v3.2.26 has the fixes of both defects of older 3.2 releases and compiles
	// with the same versions of grpc. Like every 3.2 from v3.2.10 on it imports
	// google.golang.org/genproto/googleapis/api/annotations, which older ones do
	// not and which no go.mod of its own asks for.
	target32 = "v3.2.26+incompatible"
	// v3.3.13 is the last 3.3 release that compiles with the versions of grpc
	// that 3.2 does; v3.3.14 brought another balancer.
	target33     = "v3.3.13+incompatible"
	target34     = "v0.5.0-alpha.5.0.20201125193152-8a03d2e9614b" // v3.4.14
	target34New  = "v0.5.0-alpha.5.0.20240911181550-c123b3ea3db3" // v3.4.34, for a newer grpc
	targetClient = "v3.5.15"
	// These have the fix of GO-2026-6107.
	targetPkg35, targetPkg36, targetPkg37 = "v3.5.33", "v3.6.14", "v3.7.1"
)

// A Range is half open: From is in it, To is not.
type Range struct{ From, To string }

// Open stands for the end of a range of commits that has no end.
const Open = "99991231235959"

// A Row is one line of the policy table: a range of versions of one module, what
// is wrong with it, and what is done about it.
//
// A row covers releases, or commits that have no tag. Where both are set it
// covers either.
type Row struct {
	// Path is the module path of the requirement.
	Path string
	// Releases are the releases the row covers, in the order of semantic
	// versions and without "+incompatible"; "v3.1.0-0" sorts below every
	// prerelease of v3.1.0. A pseudo-version whose commit has a tag counts as
	// that tag.
	Releases Range
	// Commits are the commit times (UTC, "20060102150405") the row covers, for
	// pseudo-versions whose commit has no tag.
	Commits Range
	// NoGoMod restricts Commits to those without a go.mod. The go command marks their
	// pseudo-versions with "+incompatible".
	NoGoMod bool
	// Stray says that the row also covers the commits that are younger than the
	// fix of etcd issue #8338 on main and do not have it: those of release-3.1,
	// of release-3.2 before v3.2.10, and of stale side branches.
	Stray bool

	// Broken is what is wrong, the worst first.
	Broken []*Defect
	// Remains is what is still wrong with the targets.
	Remains []*Defect
	// Action is what is done about it where nothing in the go.mod forbids it.
	Action Action
	// Reason is why Action is not Bump.
	Reason Reason
	// Targets are safe versions of the same module path, the preferred one first.
	Targets []string
	// Only, if set, is another module at the one version without which nothing is
	// wrong. The row counts where the go.mod names that version.
	Only module.Version
	// Quiet says that the row counts only where everything is asked for.
	Quiet bool
	// Advice is what a person should do where Action is not Bump. It completes
	// the message after a semicolon.
	Advice string
}

// The instants in the table are commit times of etcd's repository. Before the
// first commit of a fix no commit can have it; from then on a time proves
// nothing, and a row ends there unless the commits without the fix are listed.
const (
	firstMutex     = "20160225012340" // d4b2044eb: package concurrency
	watchByContext = "20160620194451" // streams are keyed by context from here
	newMutexAPI    = "20160815211225" // feaff1725: NewMutex takes a session
	fixed8338      = "20170801162607" // 1c75c383a
	ownPaths       = "20180829004755" // 2ac04381a: main imports go.etcd.io/etcd
	ownGoMod       = "20180921084748" // 527ff8216: main has a go.mod, which 3.3 never got
	fixed10111     = "20181005111732" // 64e8b2e90
	firstTryLock   = "20190910031607" // 04ddfa8b8
	fixed9416Main  = "20200507155026" // 87aa5a9e6
	fixed9416On34  = "20200623115021" // 36452a1c1
	fixed18303     = "20240710095148" // 4286d6fdf, pull request #18308
	fixed18303On34 = "20240712113638" // 3e71cf50f, pull request #18312
)

// policy is the table. Rows of one path do not overlap, but for those with NoGoMod, which
// come before what they are taken out of.
var policy = []Row{
	// 2.3, and 3.0 before its first release: streams are not keyed by context, and Mutex.Lock
	// deletes its key at the end of the context whatever the wait came to. A requirement of 2.3
	// is for the client of the v2 API most of the time.
	{
		Path: pathCoreOS, Releases: Range{"v2.3.0-0", "v3.0.0"}, Commits: Range{firstMutex, watchByContext},
		Broken: []*Defect{falseLockHold}, Remains: coreosRemains,
		Action: Report, Reason: NeedsCodeChanges, Targets: coreosTargets,
		Advice: "from 3.1 on NewMutex takes a *concurrency.Session: change the code, then move to " + target32,
	},
	// 3.0: fixed nowhere on the line, and NewMutex takes a client.
	{
		Path: pathCoreOS, Releases: Range{"v3.0.0", "v3.1.0-0"}, Commits: Range{watchByContext, newMutexAPI},
		Broken: []*Defect{watchStreamLeak, falseLockHold}, Remains: coreosRemains,
		Action: Refuse, Reason: NeedsCodeChanges, Targets: coreosTargets,
		Advice: "from 3.1 on NewMutex takes a *concurrency.Session: change the code, then move to " + target32,
	},
	// 3.1: the leak was never fixed on the line; v3.1.20 has the other fix.
	{
		Path: pathCoreOS, Releases: Range{"v3.1.0-0", "v3.1.20"},
		Broken: []*Defect{watchStreamLeak, falseLockHold}, Remains: coreosRemains,
		Action: Bump, Targets: coreosTargets,
	},
	{
		Path: pathCoreOS, Releases: Range{"v3.1.20", "v3.2.0-0"},
		Broken: []*Defect{watchStreamLeak}, Remains: coreosRemains,
		Action: Bump, Targets: coreosTargets,
	},
	// 3.2: v3.2.10 stopped the leak and kept the false hold.
	{
		Path: pathCoreOS, Releases: Range{"v3.2.0-0", "v3.2.10"}, Commits: Range{newMutexAPI, fixed8338}, Stray: true,
		Broken: []*Defect{watchStreamLeak, falseLockHold}, Remains: coreosRemains,
		Action: Bump, Targets: coreosTargets,
	},
	{
		Path: pathCoreOS, Releases: Range{"v3.2.10", "v3.2.20"},
		Broken: []*Defect{falseLockHold}, Remains: coreosRemains,
		Action: Bump, Targets: coreosTargets,
	},
	{
		Path: pathCoreOS, Releases: Range{"v3.2.20", "v3.2.25"},
		Broken: []*Defect{falseLockHold}, Remains: coreosRemains,
		Action: Report, Reason: NotByDefault, Targets: coreosTargets,
		Advice: target32 + " has the fix",
	},
	// 3.3, and the commits of main on the way there.
	{
		Path: pathCoreOS, Releases: Range{"v3.3.0-0", "v3.3.10"}, Commits: Range{fixed8338, fixed10111},
		Broken: []*Defect{falseLockHold}, Remains: coreosRemains,
		Action: Report, Reason: NotByDefault, Targets: []string{target33},
		Advice: target33 + " has the fix",
	},

	// The repository required by a path that its sources do not use.
	{
		Path: pathGitHub, Releases: Range{"v3.0.0-0", "v4.0.0-0"}, Commits: Range{"", ownPaths},
		Broken: []*Defect{splitModule},
		Action: Report, Reason: SplitModule, Advice: "move to " + pathClientV3,
	},
	{
		Path: pathRoot, Releases: Range{"v3.0.0-0", "v3.4.0-0"}, Commits: Range{"", ownPaths},
		Broken: []*Defect{splitModule},
		Action: Report, Reason: SplitModule, Advice: "move to " + pathClientV3,
	},
	// What has no go.mod after main got one is of release-3.3, or of a fork of it.
	{
		Path: pathGitHub, Commits: Range{ownGoMod, Open}, NoGoMod: true,
		Broken: []*Defect{splitModule},
		Action: Report, Reason: SplitModule, Advice: "move to " + pathClientV3,
	},
	{
		Path: pathRoot, Commits: Range{ownGoMod, Open}, NoGoMod: true,
		Broken: []*Defect{splitModule},
		Action: Report, Reason: SplitModule, Advice: "move to " + pathClientV3,
	},

	// 3.4 has a go.mod without /v3, so that every 3.4 in a go.mod is a
	// pseudo-version. Commits of main from the first TryLock on are kept apart,
	// since v3.4.14 has none.
	{
		Path: pathRoot, Commits: Range{ownPaths, fixed10111},
		Broken: []*Defect{falseLockHold, serverWatchers}, Remains: []*Defect{expiredSession},
		Action: Report, Reason: NotByDefault, Targets: []string{target34, target34New},
		Advice: target34 + " (v3.4.14) has both fixes",
	},
	{
		Path: pathRoot, Releases: Range{"v3.4.0-0", "v3.4.10"}, Commits: Range{fixed10111, firstTryLock},
		Broken: []*Defect{serverWatchers}, Remains: []*Defect{expiredSession},
		Action: Report, Reason: NotByDefault, Targets: []string{target34, target34New},
		Advice: target34 + " (v3.4.14) has the fix",
	},
	{
		Path: pathRoot, Commits: Range{firstTryLock, fixed9416Main},
		Broken: []*Defect{serverWatchers},
		Action: Report, Reason: NoSafeVersion,
		Advice: "the commit may have TryLock, which no 3.4 has: move to " + pathClientV3,
	},
	{
		Path: pathRoot, Commits: Range{fixed9416Main, fixed9416On34},
		Broken: []*Defect{serverWatchers},
		Action: Report, Reason: PseudoUnclassified,
		Advice: "commits of that time have the fix on main and not on release-3.4",
	},
	// Older 3.4 releases do not compile with a grpc as new as the one that they spin with.
	{
		Path: pathRoot, Releases: Range{"v3.4.28", "v3.4.34"}, Commits: Range{fixed9416On34, fixed18303On34},
		Broken: []*Defect{metadataSpin}, Remains: []*Defect{expiredSession}, Only: grpcRandomOrder,
		Action: Report, Reason: NotByDefault, Targets: []string{target34New},
		Advice: target34New + " (v3.4.34) has the fix",
	},
	{
		Path: pathRootV3, Commits: Range{"", fixed9416Main},
		Broken: []*Defect{serverWatchers},
		Action: Report, Reason: NoSafeVersion,
		Advice: "the client has moved to " + pathClientV3,
	},

	{
		Path: pathClientV3, Releases: Range{"v3.5.0-0", "v3.5.15"}, Commits: Range{"", fixed18303},
		Broken: []*Defect{metadataSpin}, Only: grpcRandomOrder,
		Action: Report, Reason: NotByDefault, Targets: []string{targetClient},
		Advice: targetClient + " has the fix and needs go 1.21",
	},
	{
		Path: pathClientV3, Releases: Range{"v3.6.0-0", "v3.6.0-rc.0"},
		Broken: []*Defect{metadataSpin}, Only: grpcRandomOrder,
		Action: Report, Reason: NotByDefault, Targets: []string{"v3.6.0"},
		Advice: "v3.6.0 has the fix",
	},

	// The listener is a server's: a program that only locks does not use it, so that
	// nobody is told who did not ask.
	{
		Path: pathPkg, Releases: Range{"v3.5.0-0", targetPkg35},
		Broken: []*Defect{transportListener},
		Action: Report, Reason: NotByDefault, Targets: []string{targetPkg35}, Quiet: true,
		Advice: targetPkg35 + " has the fix and needs go 1.25",
	},
	{
		Path: pathPkg, Releases: Range{"v3.6.0-0", targetPkg36},
		Broken: []*Defect{transportListener},
		Action: Report, Reason: NotByDefault, Targets: []string{targetPkg36}, Quiet: true,
		Advice: targetPkg36 + " has the fix and needs go 1.25",
	},
	{
		Path: pathPkg, Releases: Range{"v3.7.0-0", targetPkg37},
		Broken: []*Defect{transportListener},
		Action: Report, Reason: NotByDefault, Targets: []string{targetPkg37}, Quiet: true,
		Advice: targetPkg37 + " has the fix and needs go 1.26",
	},
}

var (
	// grpcRandomOrder is the one release of grpc that prints metadata in random order
	// (grpc pull request 7137, GO-2024-2978; fixed in v1.64.1).
	grpcRandomOrder = module.Version{Path: "google.golang.org/grpc", Version: "v1.64.0"}

	// coreosTargets are in the order of how little else they change: the same line and
	// the tested release first, then its neighbours, then the next line.
	coreosTargets = []string{target32, "v3.2.32+incompatible", "v3.2.25+incompatible", target33}
	coreosRemains = []*Defect{serverWatchers, expiredSession}
)

// Checked is the day on which the table was last held against etcd's repository and its
// issues, as "2006-01-02".
const Checked = "2026-07-23"

// Released reports whether the table was checked against the code that a version names: a
// release, or a commit. A commit that is younger than the last fix of the old lines always
// counts.
func Released(version string) bool {
	id := identify(version)
	if id.release == "" {
		return id.time >= fixed10111 || commitTime(id.commit) != ""
	}
	return releases()[id.release]
}

// Older reports whether a version is from before etcd had locks. The table does not cover it.
func Older(version string) bool {
	id := identify(version)
	if id.release == "" {
		return commitTime(id.commit) != "" && id.time < firstMutex
	}
	return semver.Compare(id.release, "v2.3.0-0") < 0
}

// Policy returns the policy table.
func Policy() []Row { return slices.Clone(policy) }

// KnownPath reports whether path is a module path of etcd that the policy knows.
func KnownPath(path string) bool {
	switch path {
	case pathCoreOS, pathGitHub, pathRoot, pathRootV3, pathClientV3, pathPkg:
		return true
	}
	return false
}
