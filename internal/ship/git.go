package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A git runs git in a directory.
type git struct {
	dir string
	env []string
}

// local are variables that would lead git to another repository, index or date.
var local = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_PREFIX",
	"GIT_SHALLOW_FILE", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
}

func newGit(dir string, env []string) git {
	if env == nil {
		env = os.Environ()
	}
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(local, name)
	})
	// A status may not even refresh the index of the checkout.
	return git{dir, append(env, "GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1", "GIT_TERMINAL_PROMPT=0")}
}

func (g git) with(settings ...string) git {
	g.env = append(slices.Clip(g.env), settings...)
	return g
}

func (g git) in(dir string) git {
	g.dir = dir
	return g
}

// settings keep git from doing more than it is told to. An identity that git would guess from
// the name of the machine is none.
var settings = []string{
	"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "user.useConfigOnly=true", "-c", "i18n.commitEncoding=UTF-8",
}

// run runs git and returns its standard output.
func (g git) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", slices.Concat(settings, args)...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = g.dir, g.env, stdin, &stdout, &stderr
	// After an interrupt git removes its lock files.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		said := strings.TrimSpace(stderr.String())
		var exit *exec.ExitError
		if said == "" || !errors.As(err, &exit) {
			said = err.Error()
		}
		return nil, fmt.Errorf("git %s: %s", args[0], said)
	}
	return stdout.Bytes(), nil
}

// line runs git and returns the line that it prints.
func (g git) line(ctx context.Context, args ...string) (string, error) {
	out, err := g.run(ctx, nil, args...)
	return strings.TrimSuffix(string(out), "\n"), err
}

// list runs git and returns what it prints with a zero byte after each.
func (g git) list(ctx context.Context, args ...string) ([]string, error) {
	out, err := g.run(ctx, nil, args...)
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), err
}

// commit makes a commit and returns its name. Date is in git's raw form; "" is now.
func (g git) commit(ctx context.Context, message, date, tree, parent string) (string, error) {
	if date != "" {
		g = g.with("GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	}
	args := []string{"commit-tree"}
	if sign, _ := g.line(ctx, "config", "--type=bool", "commit.gpgsign"); sign == "true" {
		args = append(args, "-S")
	}
	if parent != "" {
		args = append(args, "-p", parent)
	}
	out, err := g.run(ctx, strings.NewReader(message), append(args, tree)...)
	return strings.TrimSpace(string(out)), err
}

// tree returns what a commit has at paths: mode and blob by path.
func (g git) tree(ctx context.Context, commit string, paths []string) (map[string]string, error) {
	entries, err := g.list(ctx, slices.Concat([]string{"ls-tree", "-z", "--full-tree", commit, "--"}, paths)...)
	out := map[string]string{}
	for _, e := range entries {
		what, name, _ := strings.Cut(e, "\t")
		out[name] = what
	}
	return out, err
}

// heads is where branches are.
const heads = "refs/heads/"

// absolute makes a name that git printed in a directory absolute.
func absolute(dir, name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
