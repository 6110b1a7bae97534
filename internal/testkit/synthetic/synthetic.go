// Package synthetic generates monorepos to roll out over.
//
// It takes a number of modules and a seed and writes a tree of services, some of which poll
// locks of etcd in one of several shapes. The same numbers give the same tree. The modules
// require a stub of etcd's client, which is served by a module proxy for tests from
// [Proxy].
package synthetic

import (
	"embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

// Proxy holds the stub of the client, as goproxytest serves it, in the directory "proxy".
//
//go:embed proxy
var Proxy embed.FS

const (
	clientPath    = "go.etcd.io/etcd/client/v3"
	clientVersion = "v3.5.21"
	clientFile    = "proxy/go.etcd.io_etcd_client_v3_" + clientVersion + ".txtar"
)

// A Config says what to generate.
type Config struct {
	Modules  int
	Affected float64 // share of modules that poll a lock, 0 to 1
	Broken   float64 // share of modules that do not load, or only in part
	Seed     uint64
	// Files is how many files of a hundred lines every module has besides, as real services
	// do; 0 means 2 to 5 short ones.
	Files int
	// Sums is the go.sum of a module that requires the client; see [Sums].
	Sums []byte
}

// A Module is one that was generated.
type Module struct {
	Dir   string // slash-separated, relative to the root
	Shape string // what is in it
}

// Sums asks the go command for the go.sum lines of the stub. env is the environment in which
// the proxy is.
func Sums(env []string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "etcdmod-synthetic-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "mod", "download", "-json", clientPath+"@"+clientVersion)
	cmd.Dir, cmd.Env = dir, append(slices.Clone(env), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go mod download: %w: %s", err, out)
	}
	var got struct{ Sum, GoModSum string }
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%[1]s %[2]s %[3]s\n%[1]s %[2]s/go.mod %[4]s\n", clientPath, clientVersion, got.Sum, got.GoModSum), nil
}

// Write generates a tree below dir and returns its modules, by their directories.
func Write(dir string, c Config) ([]Module, error) {
	g := &generator{root: dir, config: c, rand: rand.New(rand.NewPCG(c.Seed, 1))}
	for i := range c.Modules {
		if err := g.module(i); err != nil {
			return nil, err
		}
	}
	if err := g.repository(); err != nil {
		return nil, err
	}
	slices.SortFunc(g.modules, func(a, b Module) int { return strings.Compare(a.Dir, b.Dir) })
	return g.modules, nil
}

// teams own the services, by turns.
var teams = []string{"billing", "search", "storage", "edge"}

type generator struct {
	root    string
	config  Config
	rand    *rand.Rand
	modules []Module
	works   []string // directories of modules for the workspace
}

func (g *generator) write(name, text string) error {
	name = filepath.Join(g.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o666)
}

// module writes the module with a number.
func (g *generator) module(i int) error {
	dir := fmt.Sprintf("services/%s/svc%04d", teams[i%len(teams)], i)
	// Every shape has its turn: the numbers decide how many there are, not which.
	affected := int(float64(i+1)*g.config.Affected) > int(float64(i)*g.config.Affected)
	broken := int(float64(i+1)*g.config.Broken) > int(float64(i)*g.config.Broken)
	s := plain
	n := 0
	for _, m := range g.modules {
		if affected && isAffected(m.Shape) || broken && !affected && isBroken(m.Shape) {
			n++
		}
	}
	switch {
	case affected:
		s = affectedShapes[n%len(affectedShapes)]
	case broken:
		s = brokenShapes[n%len(brokenShapes)]
	}
	g.modules = append(g.modules, Module{dir, s.name})
	replacer := strings.NewReplacer("MODULE", "example.com/mono/"+path.Base(dir), "CLIENT", clientPath, "VERSION", clientVersion, "LOCK", path.Base(dir))
	archive := txtar.Parse([]byte(replacer.Replace(s.files)))
	for _, f := range archive.Files {
		if err := g.write(path.Join(dir, f.Name), string(f.Data)); err != nil {
			return err
		}
	}
	if s.client {
		if err := g.write(dir+"/go.sum", string(g.config.Sums)); err != nil {
			return err
		}
	}
	if err := g.parts(dir); err != nil {
		return err
	}
	switch s.name {
	case "vendored":
		return g.vendor(dir)
	case "workspace":
		g.works = append(g.works, dir)
	}
	if s.lib != "" {
		lib := "libs/" + path.Base(dir)
		g.modules = append(g.modules, Module{lib, "library"})
		for _, f := range txtar.Parse([]byte(replacer.Replace(s.lib))).Files {
			if err := g.write(path.Join(lib, f.Name), string(f.Data)); err != nil {
				return err
			}
		}
		return g.write(lib+"/go.sum", string(g.config.Sums))
	}
	return nil
}

// parts writes files that have nothing to do with etcd.
func (g *generator) parts(dir string) error {
	files, lines := g.config.Files, 100
	if files == 0 {
		files, lines = 2+g.rand.IntN(4), 1
	}
	for j := range files {
		var b strings.Builder
		fmt.Fprintf(&b, "package part\n\nimport \"strings\"\n\n// Name is that of part %d.\nfunc Name() string { return strings.ToUpper(%q) }\n", j, path.Base(dir))
		for k := 1; k < lines/5; k++ {
			fmt.Fprintf(&b, "\n// Step%[1]d is one of many.\nfunc Step%[1]d(in []string) string {\n\treturn strings.Join(in, %[2]q)\n}\n", k, path.Base(dir))
		}
		name := fmt.Sprintf("%s/internal/part%d/part.go", dir, j)
		if err := g.write(name, b.String()); err != nil {
			return err
		}
	}
	return nil
}

// vendor puts the stub into a module's vendor directory.
func (g *generator) vendor(dir string) error {
	data, err := Proxy.ReadFile(clientFile)
	if err != nil {
		return err
	}
	packages := map[string]bool{}
	for _, f := range txtar.Parse(data).Files {
		if path.Ext(f.Name) != ".go" {
			continue
		}
		packages[path.Join(clientPath, path.Dir(f.Name))] = true
		if err := g.write(path.Join(dir, "vendor", clientPath, f.Name), string(f.Data)); err != nil {
			return err
		}
	}
	list := fmt.Sprintf("# %s %s\n## explicit; go 1.21\n", clientPath, clientVersion)
	for _, p := range []string{"", "/concurrency", "/messages"} {
		list += clientPath + p + "\n"
	}
	return g.write(dir+"/vendor/modules.txt", list)
}

// repository writes what belongs to no module.
func (g *generator) repository() error {
	owners := "* @org/platform\n"
	for _, team := range teams {
		owners += fmt.Sprintf("/services/%s/ @org/%s\n", team, team)
	}
	owners += "cmd/ @org/services\n"
	if err := g.write(".github/CODEOWNERS", owners); err != nil {
		return err
	}
	if err := g.write(".gitignore", "/out/\n"); err != nil {
		return err
	}
	if err := g.write("out/ignored/go.mod", "module example.com/mono/ignored\n"); err != nil {
		return err
	}
	// The workspace is that of one directory: elsewhere, modules are on their own.
	if len(g.works) == 0 {
		return nil
	}
	dir := path.Dir(g.works[0])
	work := "go 1.21\n\nuse (\n"
	for _, w := range g.works {
		rel, err := filepath.Rel(dir, w)
		if err != nil {
			return err
		}
		work += "\t./" + filepath.ToSlash(rel) + "\n"
	}
	return g.write(dir+"/go.work", work+")\n")
}
