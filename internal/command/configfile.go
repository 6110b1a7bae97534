package command

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
	"gopkg.in/yaml.v3"

	"etcdmod/internal/modules"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// DefaultConfigFile is read where it is in the root of the module, else in that of the
// repository, unless -config names another file.
const DefaultConfigFile = ".etcdmod.yaml"

// fileKeys are the flags that a file may set. A file is part of the repository, and whoever
// writes that decides neither what runs on the machine of others nor how little is checked.
var fileKeys = []string{
	"v", "format", "json", "tags", "goos", "goarch", "config", "helper-dir", "helper-header", "helper-import", "concurrency-pkg", "tier", "strategy", "exported-api",
}

// commandLineOnly are the flags that no file may set, with the reason.
var commandLineOnly = map[string]string{
	"C":         "it says where the file is looked for",
	"vet":       "a file in the repository does not weaken what a change is checked by",
	"rule":      "a file in the repository does not hide findings; a comment with a reason does",
	"only-tier": "a file in the repository does not hide findings; a comment with a reason does",
	"finding":   "a file in the repository does not hide findings; a comment with a reason does",
	"pin":       "a file in the repository does not lower grpc for everybody",
	"test":      "a file in the repository does not decide that its tests run here",
}

// maxConfigs is how many build configurations a file may list: everything is loaded once for each
// of them, and a file of the repository does not decide that a run takes days. Go has about 50
// systems and architectures.
const maxConfigs = 64

// exclusive are flags of which one set on the command line makes all of them in a file void.
var exclusive = [][]string{{"config", "goos", "goarch"}, {"helper-dir", "helper-import"}, {"format", "json"}}

// isConfigFile reports whether a value of -config names a file, not a build configuration.
func isConfigFile(dir, value string) bool {
	if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(value)) {
		return true
	}
	info, err := os.Stat(inDir(dir, value))
	return err == nil && info.Mode().IsRegular()
}

func inDir(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// readConfig separates the values of -config, and sets the flags that a file gives and the
// command line does not. It returns the file, if there is one, and the build
// configurations.
func readConfig(dir string, cmd *cli.Command) (file string, configs []string, err error) {
	for _, value := range cmd.StringSlice("config") {
		switch {
		case !isConfigFile(dir, value):
			configs = append(configs, value)
		case file != "":
			return "", nil, usage("-config: %s and %s are both files; give one", file, value)
		default:
			file = value
		}
	}
	data, err := readConfigFile(dir, &file)
	if err != nil || file == "" {
		return "", configs, err
	}
	given := map[string]bool{}
	for _, f := range editFlags() {
		name := f.Names()[0]
		given[name] = cmd.IsSet(name) && name != "config" || name == "config" && len(configs) > 0
	}
	for _, group := range exclusive {
		if slices.ContainsFunc(group, func(name string) bool { return given[name] }) {
			for _, name := range group {
				given[name] = true
			}
		}
	}
	entries, err := parseConfig(data)
	for _, e := range entries {
		if err != nil {
			break
		}
		switch {
		case given[e.key]:
		case e.key == "config":
			if configs = e.values; len(configs) > maxConfigs {
				err = fmt.Errorf("%d: config: it lists %d build configurations, and a file may list no more than %d; give more of them on the command line", e.line, len(configs), maxConfigs)
			} else if i := slices.IndexFunc(configs, func(c string) bool { return isConfigFile(dir, c) }); i >= 0 {
				err = fmt.Errorf("%d: %s is a file, not a build configuration", e.line, configs[i])
			}
		default:
			err = e.set(cmd)
		}
	}
	if err != nil {
		return "", nil, usage("%s:%w", quote.Name(file), err)
	}
	return file, configs, nil
}

// readConfigFile reads the file, or where it is "" the default one, whose name it sets if
// it is there.
func readConfigFile(dir string, file *string) ([]byte, error) {
	if *file != "" {
		data, err := rooted.ReadNamed(inDir(dir, *file), rooted.Setting)
		if err != nil {
			return nil, usage("-config: %w", err)
		}
		return data, nil
	}
	root := modules.Above(dir)
	if root == "" {
		root = dir // it may be that of a go.work; what comes next says where there is no module
	}
	repo := modules.Repository(modules.Resolved(root))
	places := []string{root}
	if repo != "" && modules.Resolved(root) != repo {
		places = append(places, repo)
	}
	for _, at := range places {
		name := filepath.Join(at, DefaultConfigFile)
		data, err := readBelow(cmp.Or(repo, modules.Resolved(root)), name)
		if err == nil {
			*file = name
			return data, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, usage("%w", err)
		}
	}
	return nil, nil
}

// readBelow reads a settings file of a repository.
func readBelow(repo, name string) ([]byte, error) {
	return rooted.ReadFile(repo, filepath.Join(modules.Resolved(filepath.Dir(name)), filepath.Base(name)), rooted.Setting)
}

// An entry is a key of a configuration file with its values.
type entry struct {
	key    string
	line   int
	values []string
	list   bool
}

// parseConfig reads the entries of a file. Errors begin with a line.
func parseConfig(data []byte) (out []entry, err error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf(" %w", err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%d: there is a second document behind ---, and one is read; put all keys into the first", max(more.Line, 1))
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%d: want keys with values, such as tier: gate", top.Line)
	}
	lines := map[string]int{}
	for i := 0; i < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		e := entry{key: key.Value, line: key.Line}
		switch {
		case commandLineOnly[e.key] != "":
			return nil, fmt.Errorf("%d: %s can be given on the command line alone, as -%s: %s", e.line, e.key, e.key, commandLineOnly[e.key])
		case !slices.Contains(fileKeys, e.key):
			return nil, fmt.Errorf("%d: unknown key %q; known are %s", e.line, e.key, strings.Join(fileKeys, ", "))
		case lines[e.key] != 0:
			return nil, fmt.Errorf("%d: %s is in line %d as well", e.line, e.key, lines[e.key])
		case value.Kind == yaml.ScalarNode:
			e.values = strings.Split(value.Value, ",")
			if e.key != "config" {
				e.values = []string{value.Value}
			}
		case value.Kind == yaml.SequenceNode && !slices.ContainsFunc(value.Content, func(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode }):
			e.list = true
			for _, n := range value.Content {
				e.values = append(e.values, n.Value)
			}
		default:
			return nil, fmt.Errorf("%d: %s wants a value or a list of values", value.Line, e.key)
		}
		lines[e.key] = e.line
		out = append(out, e)
	}
	return out, nil
}

// set sets the flag of that name, if the command has it.
func (e entry) set(cmd *cli.Command) error {
	i := slices.IndexFunc(cmd.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), e.key) })
	if i < 0 {
		return nil // check does not verify
	}
	_, isList := cmd.Flags[i].(*cli.StringSliceFlag)
	if e.list && !isList && e.key != "tags" {
		return fmt.Errorf("%d: %s wants one value", e.line, e.key)
	}
	values := e.values
	if e.key == "tags" {
		values = []string{strings.Join(values, ",")}
	}
	for _, v := range values {
		if err := checkChoice(e.key, v); err != nil {
			return fmt.Errorf("%d: %s: %w", e.line, e.key, err)
		}
		if err := cmd.Set(e.key, v); err != nil {
			return fmt.Errorf("%d: %s: %w", e.line, e.key, err)
		}
	}
	return nil
}
