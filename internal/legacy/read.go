package legacy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"gopkg.in/yaml.v3"

	"etcdmod/internal/importpath"
	"etcdmod/modbump"
)

// isEtcd reports whether an import path belongs to etcd's repository.
func isEtcd(path string) bool { return importpath.Within(path, etcd) }

// newPin sorts out whether a version is a tag or a commit.
func newPin(version, commit string) pin {
	version = strings.TrimLeft(strings.TrimSpace(version), "=^~ ")
	if isCommit(version) {
		version, commit = "", version
	}
	if version != "" && '0' <= version[0] && version[0] <= '9' {
		version = "v" + version
	}
	return pin{Pin: modbump.Pin{Tag: version, Commit: commit}}
}

func isCommit(s string) bool {
	return len(s) >= 12 && strings.Trim(s, "0123456789abcdef") == ""
}

// at gives the place of a text in data, from its n-th occurrence.
func (p pin) at(data []byte, text string, n int) pin {
	from := 0
	for range n + 1 {
		i := bytes.Index(data[from:], []byte(text))
		if i < 0 {
			return p
		}
		p.line = 1 + bytes.Count(data[:from+i], []byte("\n"))
		p.col = from + i - bytes.LastIndexByte(data[:from+i], '\n')
		from += i + len(text)
	}
	return p
}

// gopkg reads Gopkg.lock and Gopkg.toml.
func gopkg(data []byte) (pins []pin, err error) {
	type project struct{ Name, Version, Revision string }
	var file struct{ Projects, Constraint, Override []project }
	if err := shallow(data); err != nil {
		return nil, err
	}
	if err := toml.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	// An override decides over a constraint.
	for _, list := range [][]project{file.Projects, file.Override, file.Constraint} {
		for _, p := range list {
			if p.Name == etcd && len(pins) == 0 {
				pins = append(pins, newPin(p.Version, p.Revision).at(data, `"`+etcd+`"`, 0))
			}
		}
	}
	return pins, nil
}

// deepest is how deep a TOML file may nest: the parser goes down without a limit of its own.
const deepest = 100

// shallow refuses a text in which brackets, or the dots of a key, nest too deeply.
func shallow(data []byte) error {
	depth, dots := 0, 0
	for _, c := range data {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case '.':
			dots++
		case '\n':
			dots = 0
		}
		if depth > deepest || dots > deepest {
			return fmt.Errorf("it is nested more than %d deep", deepest)
		}
	}
	return nil
}

// glide reads glide.lock and glide.yaml.
func glide(data []byte) (pins []pin, err error) {
	type dependency struct {
		Name, Package, Version yaml.Node
	}
	var file struct {
		Imports     []dependency
		TestImports []dependency `yaml:"testImports"`
		Import      []dependency
		TestImport  []dependency `yaml:"testImport"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	for _, list := range [][]dependency{file.Imports, file.Import, file.TestImports, file.TestImport} {
		for _, d := range list {
			name := d.Name
			if name.Value == "" {
				name = d.Package
			}
			if name.Value == etcd {
				p := newPin(d.Version.Value, "")
				p.line, p.col = name.Line, name.Column
				pins = append(pins, p)
			}
		}
	}
	return pins, nil
}

// godep reads Godeps.json. Every package is listed, at the same revision unless somebody
// was careless.
func godep(data []byte) (pins []pin, err error) {
	var file struct {
		Deps []struct{ ImportPath, Comment, Rev string }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, d := range file.Deps {
		if !isEtcd(d.ImportPath) || seen[d.Rev] {
			continue
		}
		seen[d.Rev] = true
		tag := d.Comment
		if strings.Contains(tag, "-g") { // "git describe" of a commit behind the tag
			tag = ""
		}
		pins = append(pins, newPin(tag, d.Rev).at(data, `"`+d.ImportPath+`"`, 0))
	}
	return pins, nil
}

// govendor reads vendor.json.
func govendor(data []byte) (pins []pin, err error) {
	var file struct {
		Package []struct {
			Path, Revision, Version, VersionExact string
			RevisionTime                          string
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, d := range file.Package {
		if !isEtcd(d.Path) || seen[d.Revision] {
			continue
		}
		seen[d.Revision] = true
		p := newPin(d.VersionExact, d.Revision).at(data, `"`+d.Path+`"`, 0)
		p.Time, _ = time.Parse(time.RFC3339, d.RevisionTime)
		pins = append(pins, p)
	}
	return pins, nil
}

// vndr reads vendor.conf: a line is a path, a version and maybe where to get it.
func vndr(data []byte) (pins []pin, err error) {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		text, _, _ := strings.Cut(line, "#")
		if f := strings.Fields(text); len(f) > 1 && f[0] == etcd {
			p := newPin(f[1], "")
			p.line, p.col = n, 1+strings.Index(line, etcd)
			pins = append(pins, p)
		}
	}
	return pins, nil
}
