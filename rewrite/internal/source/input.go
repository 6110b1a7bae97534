package source

import (
	"go/token"
	pathpkg "path"
	"slices"

	"etcdmod/internal/helper"

	"golang.org/x/tools/go/packages"
)

// A Fork is a package that is a fork of package concurrency, as a user says, or as its path
// makes one guess.
type Fork struct {
	Path    string            // import path
	Sources map[string][]byte // its Go files by name, without tests; none if they cannot be had
	// Guessed says that nobody has named it: it counts only if it has what a package
	// concurrency has.
	Guessed bool

	client string // import path of the client that its sessions have
}

// A Helper is a helper package that etcdmod has generated before, in this module or in
// another one.
type Helper struct {
	Import string       // import path
	Name   string       // package name
	Client string       // import path of the package concurrency that it is for
	Parts  helper.Parts // what it offers
}

// A Neighbour is a package of another module that imports one of this module, or that is built with
// one that does.
type Neighbour struct {
	Files []string // absolute names of its Go files
	// Unbuilt are those of Files that are not built when it is verified that others build.
	Unbuilt []string
	// Beyond are those of the packages that it is built with, as far as they are in the repository
	// and not of this module: it may hand on to them what it has.
	Beyond []string
	// Read are the import paths of packages that it imports and whose files are among these.
	Read []string
	// Above are those of the packages of other modules that are built with it, and with what these are
	// built with: they may have what it keeps.
	Above []string
}

// Offers reports whether the helper package has those parts, or can be given them.
func (in *Input) Offers(parts helper.Parts) bool {
	if in.Helper != nil {
		return in.Helper.Parts.Has(parts)
	}
	_, state := helper.Worst(in.HelperFiles, in.Version)
	return state != helper.Newer || helper.PartsOf(in.HelperFiles).Has(parts)
}

// HelperName is the name of the helper package.
func (in *Input) HelperName() string {
	if in.Helper != nil {
		return in.Helper.Name
	}
	return pathpkg.Base(in.HelperDir)
}

// HelperImport is the import path of the helper package.
func (in *Input) HelperImport() string {
	if in.Helper != nil {
		return in.Helper.Import
	}
	return pathpkg.Join(in.ModulePath, in.HelperDir)
}

// An Input is one module, loaded with syntax and types.
type Input struct {
	Fset *token.FileSet
	// Packages are the packages of the module that can see the mutex, with their test
	// variants, from one load.
	Packages []*packages.Package
	// Also are other build configurations of the module, in which every change has to hold
	// as well. They are loaded into the same Fset, and share the *ast.File of each file.
	// Config is the name of the one that Packages are of.
	Also   []Configuration
	Config string
	// Sources holds the bytes that were parsed, by absolute file name.
	Sources map[string][]byte
	// ModulePath and ModuleDir are the module's path and its absolute directory.
	ModulePath, ModuleDir string
	// HelperDir is the directory of the helper package, slash-separated and relative
	// to ModuleDir. HelperFiles are the files that it holds now, by name.
	HelperDir   string
	HelperFiles map[string][]byte
	// HelperHeader is what a user wants above each generated file, as helper.CheckHeader has
	// made it; nil leaves what is there.
	HelperHeader []byte
	// NoHelper says why no helper package can be put into HelperDir; "" if one can.
	NoHelper string
	// Helper is a helper package that is used as it is, instead of one in HelperDir.
	// Nothing is generated then.
	Helper *Helper
	// Strategy says what a collapse waits with.
	Strategy Strategy
	// Version of etcdmod, for the helper's header.
	Version string
	// Selected reports whether findings in the package of that import path are wanted.
	// nil means all.
	Selected func(pkgPath string) bool
	// Reached are the packages of the module below a directory named internal that other
	// modules of the repository import.
	Reached map[string]bool
	// Exported says what becomes of exported declarations that other modules may compile
	// against.
	Exported ExportedAPI
	// Forks are the packages that a user has named as forks of package concurrency, and those
	// whose name says that they may be one.
	Forks []Fork
	// Ignored are Go files that every build configuration leaves out, with their bytes.
	Ignored map[string][]byte
	// Pulled are the linker symbols that linkname directives name, by file, in all of the module, whether
	// it is loaded or not, and in the modules of the repository that are built with it.
	Pulled map[string][]string
	// Neighbours are the packages of other modules of the repository that are built with one of this module,
	// and Beside are the bytes of the files that they name.
	Neighbours []Neighbour
	Beside     map[string][]byte
	// Leasing says that a package of the module imports the client's package leasing, whose
	// clients write where others only read.
	Leasing bool
	// Linked are the files that have another name by a symbolic link, with that name.
	Linked map[string]string
	// Embedded are the files that a directive takes into a program as data, with the file that has it.
	Embedded map[string]string
	// Elsewhere are the files of the module that are in another git repository, with the directory of
	// that: a submodule, or a clone below the module.
	Elsewhere map[string]string
}

// An ExportedAPI says what becomes of exported declarations that other modules may compile
// against.
type ExportedAPI int

const (
	// RefuseExported leaves them as they are, and with them what the mutex flows through.
	RefuseExported ExportedAPI = iota
	// RewriteExported changes them; the findings name them.
	RewriteExported
)

var exportedNames = [...]string{"refuse", "rewrite"}

func (e ExportedAPI) String() string { return exportedNames[e] }

// ParseExportedAPI is the inverse of String.
func ParseExportedAPI(name string) (ExportedAPI, bool) {
	i := slices.Index(exportedNames[:], name)
	return ExportedAPI(max(i, 0)), i >= 0
}

// A Strategy says what a collapse waits with.
type Strategy int

const (
	// WatchStrategy waits with WatchLock and its forms: the waiter has no key in etcd,
	// and who is first after a release is first.
	WatchStrategy Strategy = iota
	// LockStrategy waits with Lock where other errors end the loop: the waiter puts a key
	// and stands in a queue.
	LockStrategy
)

var strategyNames = [...]string{"watch", "lock"}

func (s Strategy) String() string { return strategyNames[s] }

// ParseStrategy is the inverse of String.
func ParseStrategy(name string) (Strategy, bool) {
	for i, n := range strategyNames {
		if n == name {
			return Strategy(i), true
		}
	}
	return WatchStrategy, false
}
