// Package gitcmd runs git in a repository that others write to.
//
// It takes a directory and arguments, and gives what git prints. Git runs nothing that the
// repository, or its configuration, names: no hook, no monitor of files, no program that
// shows or converts differences, no pager, no prompt; and it does not take a directory of the
// tree for a repository of its own, as it would where somebody committed the files of one.
// Filters of the user's own checkout run only where [Runner.Checkout] asks for them.
package gitcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"etcdmod/internal/pipes"
	"etcdmod/internal/procgroup"
)

// Timeout bounds a command. Big repositories take minutes to list, never more.
const Timeout = 10 * time.Minute

// A Runner runs git in a directory.
type Runner struct {
	Dir string
	env []string
	// checkout says that files go through the filters that the configuration of the user
	// names, as in any checkout.
	checkout bool
	extra    []string // more of settings
}

// local are variables that would lead git to another repository, index or date, or that name
// programs.
var local = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_PREFIX",
	"GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
	"GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_NAMESPACE",
	"GIT_TRACE", "GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE2_PERF", "GIT_TRACE_SETUP", "GIT_TRACE_PERFORMANCE",
}

// settings keep git from doing more than it is told to, and from showing an object of the
// repository as another one, which a push would not take along. An identity that git would guess from
// the name of the machine is none.
var settings = []string{
	"--no-pager", "--no-optional-locks", "--no-replace-objects",
	"-c", "safe.bareRepository=explicit",
	"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.untrackedCache=false",
	"-c", "diff.external=", "-c", "core.pager=cat", "-c", "core.askPass=", "-c", "credential.helper=",
	"-c", "core.alternateRefsCommand=", "-c", "protocol.allow=never", "-c", "submodule.recurse=false",
	"-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "user.useConfigOnly=true", "-c", "i18n.commitEncoding=UTF-8", "-c", "log.showSignature=false",
	"-c", "advice.graftFileDeprecated=false", // see GIT_GRAFT_FILE below: the hint would be all that an error says
	"-c", "log.mailmap=false", // it is a file that the configuration names, and may be any
}

// New returns a Runner for a directory. A nil env means that of this process.
func New(dir string, env []string) Runner {
	if env == nil {
		env = os.Environ()
	}
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(local, name)
	})
	return Runner{Dir: dir, env: append(env, "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=", offEmpty+"=", offFalse+"=false",
		"GIT_GRAFT_FILE="+os.DevNull)} // no commit gets other parents, which a push would not take along either
}

// With returns a Runner with more settings of the environment.
func (r Runner) With(env ...string) Runner {
	r.env = append(slices.Clip(r.env), env...)
	return r
}

// In returns a Runner for another directory.
func (r Runner) In(dir string) Runner {
	r.Dir = dir
	return r
}

// Checkout returns a Runner whose commands convert files as the user's own checkout does:
// by the filters that the configuration names and the attributes of the repository choose.
// Commands that sign are of this kind as well.
func (r Runner) Checkout() Runner {
	r.checkout = true
	return r
}

// signing are the settings that name programs that sign.
var signing = []string{"gpg.program", "gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand"}

// Signing returns the settings for a command that signs: the programs are those that the
// user and the system have configured, never those of the repository.
func (r Runner) Signing(ctx context.Context) (Runner, error) {
	r = r.Checkout()
	for _, name := range signing {
		out, err := r.Run(ctx, nil, "config", "--null", "--show-scope", "--get-all", name)
		var said *Error
		if err != nil && !errors.As(err, &said) {
			return r, err
		}
		value, local := "", false
		fields := strings.Split(string(out), "\x00")
		for i := 0; i+1 < len(fields); i += 2 {
			if scope := fields[i]; scope == "local" || scope == "worktree" {
				local = true
			} else {
				value = fields[i+1]
			}
		}
		switch {
		case !local:
		case value != "":
			r.extra = append(slices.Clip(r.extra), "-c", name+"="+value)
		case name == "gpg.program" || name == "gpg.openpgp.program":
			r.extra = append(slices.Clip(r.extra), "-c", name+"=gpg")
		case name == "gpg.x509.program":
			r.extra = append(slices.Clip(r.extra), "-c", name+"=gpgsm")
		case name == "gpg.ssh.program":
			r.extra = append(slices.Clip(r.extra), "-c", name+"=ssh-keygen")
		default:
			r.extra = append(slices.Clip(r.extra), "-c", name+"=")
		}
	}
	return r, nil
}

// Find reports whether there is a git command.
func Find() error {
	if _, err := exec.LookPath("git"); err != nil {
		return errors.New("git is not in PATH")
	}
	return nil
}

// An Error is a git command that did not end with exit code 0.
type Error struct {
	Command string // "status"
	Said    string
	Err     error
}

func (e *Error) Error() string { return "git " + e.Command + ": " + e.Said }
func (e *Error) Unwrap() error { return e.Err }

// Run runs git and returns its standard output. Ending ctx interrupts git, which then removes
// its lock files, and kills it with all that it runs when that takes more than two seconds.
func (r Runner) Run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	global := slices.Concat(settings, r.extra)
	if !r.checkout && slices.Contains(converting, args[0]) {
		filters, err := r.filters(bounded)
		if err != nil {
			return nil, err
		}
		global = append(slices.Clip(global), filters...)
	}
	return r.run(bounded, stdin, global, args)
}

func (r Runner) run(ctx context.Context, stdin io.Reader, global, args []string) ([]byte, error) {
	ctx, stop := pipes.Watch(ctx, "git", func(ctx context.Context) error { return blocked(ctx, r.Dir) })
	defer stop()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", slices.Concat(global, args)...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = r.Dir, r.env, stdin, &stdout, &stderr
	cmd.WaitDelay = 2 * time.Second
	if r.checkout { // a program that signs or converts may ask at the terminal, or leave an agent
		cmd.Env = procgroup.Unmarked(r.env)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	} else {
		procgroup.Set(cmd)
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		if !r.checkout {
			procgroup.End(cmd)
		}
		return nil, fmt.Errorf("git %s: %w", args[0], context.Cause(ctx))
	}
	if err != nil {
		said := strings.TrimSpace(stderr.String())
		var exit *exec.ExitError
		if said == "" || !errors.As(err, &exit) {
			said = err.Error()
		}
		return stdout.Bytes(), &Error{args[0], said, err}
	}
	return stdout.Bytes(), nil
}

// converting are the commands that convert the content of files.
var converting = []string{"add", "apply", "checkout", "diff", "diff-files", "diff-index", "hash-object", "read-tree", "status", "update-index", "worktree"}

// convert are the settings that name programs that convert, show or merge content, by their last
// part; what is between that and the first part is a name, which may have any character.
var convert = regexp.MustCompile(`(?s)^(filter|diff|merge)\..*\.(clean|smudge|process|required|textconv|command|driver)$`)

// Variables that have the values that turn settings off.
const (
	offEmpty = "ETCDMOD_GIT_EMPTY"
	offFalse = "ETCDMOD_GIT_FALSE"
)

// filters returns settings that turn off every filter and every textconv that a
// configuration names: git status runs the former where a file has another time than the
// index says. Git is asked for all names, since its own patterns match no byte that is not of a
// character, and gets these with values from the environment, since those on the command line
// begin behind the first equals sign.
func (r Runner) filters(ctx context.Context) (off []string, err error) {
	out, err := r.run(ctx, nil, settings, []string{"config", "--null", "--name-only", "--list"})
	var said *Error
	if errors.As(err, &said) {
		return nil, nil // there are none; or it is no repository, as what follows says
	}
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		value := offEmpty
		if strings.HasSuffix(name, ".required") {
			value = offFalse
		}
		if convert.MatchString(name) {
			off = append(off, "--config-env="+name+"="+value)
		}
	}
	return off, nil
}

// Line runs git and returns the line that it prints.
func (r Runner) Line(ctx context.Context, args ...string) (string, error) {
	out, err := r.Run(ctx, nil, args...)
	return strings.TrimSuffix(string(out), "\n"), err
}

// Head returns the commit that is checked out, and when that was committed; both are empty
// where there is none.
func (r Runner) Head(ctx context.Context) (commit, date string) {
	line, err := r.Line(ctx, "log", "-1", "--no-decorate", "--format=%H %cI", "HEAD")
	if err != nil {
		return "", ""
	}
	commit, date, _ = strings.Cut(line, " ")
	return commit, date
}

// List runs git and returns what it prints with a zero byte after each.
func (r Runner) List(ctx context.Context, args ...string) ([]string, error) {
	out, err := r.Run(ctx, nil, args...)
	return strings.FieldsFunc(string(out), func(c rune) bool { return c == 0 }), err
}

// Tracked reports whether git tracks a file. Outside of a repository nothing is; within one, a
// git that does not tell is an error.
func Tracked(ctx context.Context, file string) (bool, error) {
	dir := filepath.Dir(file)
	if top(dir) == "" {
		return false, nil
	}
	out, err := New(dir, nil).Run(ctx, nil, "ls-files", "-z", "--cached", "--", filepath.Base(file))
	if err != nil {
		return false, fmt.Errorf("git does not tell whether %s came with the repository: %w", filepath.Base(file), err)
	}
	return len(out) > 0, nil
}

// Uncommitted is a file whose content no commit has.
type Uncommitted struct {
	Name string // from the root of the repository, slash-separated
	New  bool   // git does not track it
}

// Uncommitted returns those of some files that differ from what is committed, or that git
// does not track, also where it is told to ignore them.
func (r Runner) Uncommitted(ctx context.Context, names []string) (out []Uncommitted, err error) {
	for part := range slices.Chunk(names, 500) { // a command line has an end
		// In a submodule git would run itself, with the filters that the configuration of that has.
		args := slices.Concat([]string{"status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all", "--untracked-files=all", "--ignored", "--"}, part)
		list, err := r.With("GIT_LITERAL_PATHSPECS=1").List(ctx, args...)
		if err != nil {
			return nil, err
		}
		for _, line := range list {
			out = append(out, Uncommitted{Name: line[3:], New: line[:2] == "??" || line[:2] == "!!"})
		}
	}
	return out, nil
}
