package flow

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// A look says how closely some code looks at a value in an interface.
type look int

const (
	none    look = iota // drops it
	blind               // keeps it, or calls its methods
	surface             // prints the value, and of what lies below it only addresses
	named               // prints the name of its type, in which that of an instance has the arguments
	members             // reads exported fields and calls exported methods that encoders know
	whole               // may read all fields
	calls               // may call functions and methods as well, and read what types their parameters have
)

// handsBack reports whether code that looks so closely may give the value to other code of the
// module, as a logger does with its handler: what prints it does not, and what reads all of it
// is refused it.
func (how look) handsBack() bool { return how == blind || how == members }

// blindCode are functions with parameters of an interface type that do not look at what is
// in it, by package; nil stands for all functions of a package.
var blindCode = map[string][]string{
	"container/heap": nil, "container/list": nil, "container/ring": nil, "context": nil, "errors": nil,
	"cmp": nil, "iter": nil, "maps": nil, "slices": nil, // generic code that looks at no types
	"github.com/google/wire":              nil,                 // its functions do nothing: the sources are read by its generator
	"google.golang.org/grpc":              {"RegisterService"}, // asks for the methods of the service
	"golang.org/x/sync/singleflight":      nil,
	"runtime":                             {"KeepAlive", "SetFinalizer"},
	"sort":                                nil,
	"sync":                                nil,
	"sync/atomic":                         nil,
	"github.com/stretchr/testify/assert":  testifyBlind,
	"github.com/stretchr/testify/require": testifyBlind,
	"testing":                             nil, // what a failing test prints is compared by nobody
	"github.com/stretchr/testify/suite":   {"Run"},
	"github.com/prometheus/client_golang/prometheus": nil,
}

var testifyBlind = []string{
	"Nil", "Nilf", "NotNil", "NotNilf", "Same", "Samef", "NotSame", "NotSamef",
	"True", "Truef", "False", "Falsef", "NoError", "NoErrorf", "Error", "Errorf",
}

// convey is the package of goconvey that tests import. What a failing one prints is compared by nobody.
const convey = "github.com/smartystreets/goconvey/convey"

// conveyBlind are its assertions that look at no type of a value.
var conveyBlind = []string{"ShouldBeNil", "ShouldNotBeNil", "ShouldBeTrue", "ShouldBeFalse", "ShouldPointTo", "ShouldNotPointTo"}

// testifyNamed are functions of testify that look at the type of a value, and at nothing in it.
var testifyNamed = []string{"IsType", "IsTypef", "IsNotType", "IsNotTypef", "Implements", "Implementsf", "NotImplements", "NotImplementsf"}

// printers are packages whose functions print values.
var printers = []string{"fmt", "log"}

// nameReaders are packages that tell values by their own types and call their methods, with no eye for
// their fields. What serves requests of grpc is called by the code that protoc generates; what is sent
// is a message, or an error that names its type. Its interceptors are told which value serves, and know
// it by the methods that it has.
var nameReaders = []string{"google.golang.org/grpc"}

// memberReaders are packages that see exported fields and methods alone, with what is below
// their paths.
var memberReaders = []string{
	"encoding", "expvar", "log/slog", "net/rpc",
	"github.com/json-iterator/go", "github.com/rs/zerolog", "github.com/sirupsen/logrus",
	"go.uber.org/zap", "gopkg.in/yaml.v2", "gopkg.in/yaml.v3", "k8s.io/klog", "sigs.k8s.io/yaml",
}

// fieldReaders are packages that read fields of values and call no methods or functions but those
// that print, with what is below their paths.
var fieldReaders = []string{"github.com/davecgh/go-spew", "github.com/google/go-cmp", "github.com/stretchr/testify"}

// A meeting is a place where code outside the module gets a value whose static type is an
// interface. Where src is known, it may tell where the value comes from.
type meeting struct {
	look  look
	iface *types.Interface
	who   string
	at    token.Pos
	src   origin
}

// by says who looks, and where, if that is known.
func (m meeting) by(p *source.Program, where string) string {
	if !m.at.IsValid() {
		return m.who
	}
	return m.who + where + p.Where(m.at)
}

// An origin is an expression that gives a value in an interface, or several in a slice.
type origin struct {
	file *source.File
	src  ast.Expr
}
