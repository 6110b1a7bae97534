package synthetic

import "slices"

// A shape is what a module is like. In its files, MODULE stands for its path and LOCK for the
// name of its lock.
type shape struct {
	name   string
	client bool // requires the client
	files  string
	lib    string // files of a module that this one replaces by its directory
}

func isAffected(name string) bool {
	return slices.ContainsFunc(affectedShapes, func(s shape) bool { return s.name == name })
}

func isBroken(name string) bool {
	return slices.ContainsFunc(brokenShapes, func(s shape) bool { return s.name == name })
}

const goMod = `
-- go.mod --
module MODULE

go 1.21

require CLIENT VERSION
`

var plain = shape{name: "plain", files: `
-- go.mod --
module MODULE

go 1.21
-- main.go --
package main

import (
	"context"
	"fmt"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	<-ctx.Done()
	fmt.Println("LOCK")
}
`}

// The shapes of modules that poll, from the weakest tier to what is refused.
var affectedShapes = []shape{
	{name: "collapse", client: true, files: goMod + `
-- main.go --
package main

import (
	"context"
	"log"
	"time"

	"CLIENT/concurrency"
)

func wait(ctx context.Context, mu *concurrency.Mutex) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		err := mu.TryLock(ctx)
		if err == nil {
			return nil
		}
		if err != concurrency.ErrLocked {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func main() {
	session, err := concurrency.NewSession(nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := wait(context.Background(), concurrency.NewMutex(session, "/LOCK")); err != nil {
		log.Fatal(err)
	}
}
`},
	{name: "services", client: true, files: goMod + service("api", "Gate") + service("job", "Guard") + service("sweep", "Gate")},
	{name: "tied", client: true, files: goMod + service("other", "Guard") + `
-- internal/lock/lock.go --
package lock

import (
	"context"

	"CLIENT/concurrency"
)

// A Holder holds the lock of the service.
type Holder struct{ Mutex *concurrency.Mutex }

// Release gives it back.
func (h *Holder) Release(ctx context.Context) error { return h.Mutex.Unlock(ctx) }
-- cmd/lead/main.go --
package main

import (
	"context"
	"log"
	"time"

	"CLIENT/concurrency"
	"MODULE/internal/lock"
)

func main() {
	session, err := concurrency.NewSession(nil)
	if err != nil {
		log.Fatal(err)
	}
	h := &lock.Holder{Mutex: concurrency.NewMutex(session, "/LOCK/lead")}
	for {
		if err := h.Mutex.TryLock(context.Background()); err != nil {
			log.Print(err)
			time.Sleep(3 * time.Second)
			continue
		}
		break
	}
	log.Print(h.Release(context.Background()))
}
`},
	{name: "vendored", client: true, files: goMod + service("api", "Gate")},
	{name: "exported", client: true, files: goMod + `
-- lock.go --
// Package lock is for other modules: nobody knows who uses it.
package lock

import (
	"context"
	"time"

	"CLIENT/concurrency"
)

// Wait tries until it gets the lock.
func Wait(ctx context.Context, mu *concurrency.Mutex) {
	for mu.TryLock(ctx) != nil {
		time.Sleep(time.Second)
	}
}
`},
	{name: "replaced", client: true, files: `
-- go.mod --
module MODULE

go 1.21

require (
	CLIENT VERSION
	MODULE/lib v0.0.0
)

replace MODULE/lib => ../../../libs/LOCK
-- main.go --
package main

import (
	"context"
	"log"

	"CLIENT/concurrency"
	"MODULE/lib"
)

func main() {
	session, err := concurrency.NewSession(nil)
	if err != nil {
		log.Fatal(err)
	}
	var mu *concurrency.Mutex = lib.Open(session).Mutex
	log.Print(lib.Run(context.Background()), mu.Key())
}
`, lib: `
-- go.mod --
module MODULE/lib

go 1.21

require CLIENT VERSION
-- lib.go --
// Package lib is what the service shares with its own tool. The tool alone would let it
// change its types; the service does not.
package lib

import (
	"context"
	"time"

	"CLIENT/concurrency"
)

// A Leader leads.
type Leader struct{ Mutex *concurrency.Mutex }

// Open makes a leader.
func Open(s *concurrency.Session) *Leader { return &Leader{concurrency.NewMutex(s, "/LOCK/lib")} }

// Lead tries until it leads.
func (l *Leader) Lead(ctx context.Context) {
	for l.Mutex.TryLock(ctx) != nil {
		time.Sleep(time.Second)
	}
}

// Run does nothing.
func Run(context.Context) error { return nil }
-- cmd/tool/main.go --
package main

import (
	"context"

	"MODULE/lib"
)

func main() { lib.Open(nil).Lead(context.Background()) }
`},
	{name: "workspace", client: true, files: goMod + service("api", "Gate") + service("job", "Guard")},
}

// service is a program of a module, in a directory of its own, that polls a lock of its own.
func service(name, kind string) string {
	body := `
	for {
		if err := mu.TryLock(ctx); err == nil {
			break
		}
		log.Print("standing by")
		time.Sleep(2 * time.Second)
	}
	log.Print("leading")`
	if kind == "Guard" {
		body = `
	for range time.Tick(time.Minute) {
		if err := mu.TryLock(ctx); err != nil {
			continue
		}
		log.Print("working")
	}`
	}
	return `
-- cmd/` + name + `/main.go --
package main

import (
	"context"
	"log"
	"time"

	"CLIENT/concurrency"
)

func main() {
	ctx := context.Background()
	session, err := concurrency.NewSession(nil)
	if err != nil {
		log.Fatal(err)
	}
	mu := concurrency.NewMutex(session, "/LOCK/` + name + `")` + body + `
}
`
}

// The shapes of modules that do not load, or only in part.
var brokenShapes = []shape{
	{name: "no module line", files: `
-- go.mod --
go 1.21
`},
	{name: "bad go.mod", files: `
-- go.mod --
<<<<<<< HEAD
module MODULE
=======
`},
	{name: "bad types", client: true, files: goMod + `
-- main.go --
package main

import (
	"context"

	"CLIENT/concurrency"
)

func main() {
	var mu *concurrency.Mutex = missing.New()
	for mu.TryLock(context.Background()) != nil {
	}
}
`},
	{name: "bad syntax", client: true, files: goMod + `
-- main.go --
package main

import "CLIENT/concurrency"

func main() { concurrency.NewMutex(nil, "x").TryLock( 
`},
	{name: "no sums", files: goMod + `
-- main.go --
package main

import (
	"context"

	"CLIENT/concurrency"
)

func main() {
	for concurrency.NewMutex(nil, "x").TryLock(context.Background()) != nil {
	}
}
`},
}
