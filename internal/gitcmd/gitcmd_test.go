package gitcmd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// repository makes one with a commit, in which a file is touched so that git looks at it.
func repository(t *testing.T) (dir, mark string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for sh")
	}
	dir = t.TempDir()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	plain(t, dir, "init", "-q")
	write(t, filepath.Join(dir, "a.txt"), "a\n")
	plain(t, dir, "add", "a.txt")
	plain(t, dir, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x")
	return dir, filepath.Join(t.TempDir(), "ran")
}

func plain(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestNothingOfTheRepositoryRuns(t *testing.T) {
	run := func(mark string) string { return "echo ran >>" + mark + "; false" }
	for name, prepare := range map[string]func(t *testing.T, dir, mark string) string{
		"fsmonitor of the clone": func(t *testing.T, dir, mark string) string {
			plain(t, dir, "config", "core.fsmonitor", run(mark))
			return dir
		},
		"embedded bare repository": func(t *testing.T, dir, mark string) string {
			sub := filepath.Join(dir, "sub")
			write(t, filepath.Join(sub, "HEAD"), "ref: refs/heads/main\n")
			write(t, filepath.Join(sub, "objects", ".keep"), "")
			write(t, filepath.Join(sub, "refs", "heads", ".keep"), "")
			write(t, filepath.Join(sub, "config"), "[core]\nrepositoryformatversion=0\nbare=false\nworktree=\".\"\nfsmonitor=\""+run(mark)+"\"\n")
			return sub
		},
		"clean filter": func(t *testing.T, dir, mark string) string {
			plain(t, dir, "config", "filter.x.clean", run(mark))
			plain(t, dir, "config", "filter.x.required", "true")
			write(t, filepath.Join(dir, ".gitattributes"), "* filter=x\n")
			return dir
		},
		"process filter": func(t *testing.T, dir, mark string) string {
			plain(t, dir, "config", "filter.y.process", run(mark))
			write(t, filepath.Join(dir, ".gitattributes"), "* filter=y\n")
			return dir
		},
		"filter with an equals sign in its name": func(t *testing.T, dir, mark string) string {
			plain(t, dir, "config", "filter.a=b=c.clean", run(mark))
			plain(t, dir, "config", "filter.a=b=c.required", "true")
			write(t, filepath.Join(dir, ".gitattributes"), "* filter=a=b=c\n")
			return dir
		},
		"filter with a name that is not UTF-8": func(t *testing.T, dir, mark string) string {
			t.Setenv("LC_ALL", "C.UTF-8") // where patterns match whole characters
			plain(t, dir, "config", "filter.\xff.process", run(mark))
			plain(t, dir, "config", "filter.\xff.clean", run(mark))
			write(t, filepath.Join(dir, ".gitattributes"), "* filter=\xff\n")
			return dir
		},
		"external diff": func(t *testing.T, dir, mark string) string {
			plain(t, dir, "config", "diff.external", run(mark))
			return dir
		},
		"textconv": func(t *testing.T, dir, mark string) string {
			plain(t, dir, "config", "diff.t.textconv", run(mark))
			write(t, filepath.Join(dir, ".gitattributes"), "* diff=t\n")
			return dir
		},
		"hooks": func(t *testing.T, dir, mark string) string {
			hook := filepath.Join(dir, ".git", "hooks", "post-checkout")
			write(t, hook, "#!/bin/sh\n"+run(mark)+"\n")
			if err := os.Chmod(hook, 0o755); err != nil {
				t.Fatal(err)
			}
			return dir
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, mark := repository(t)
			at := prepare(t, dir, mark)
			write(t, filepath.Join(dir, "a.txt"), "b\n")
			git := New(at, nil)
			for _, args := range [][]string{
				{"ls-files", "-z", "--cached", "--others", "--exclude-standard"}, {"status", "--porcelain"}, {"diff"}, {"rev-parse", "HEAD"},
				{"worktree", "add", "-q", "--detach", filepath.Join(t.TempDir(), "w")},
			} {
				out, err := git.Run(t.Context(), nil, args...)
				t.Logf("%v: %s %v", args, out, err)
			}
			if text, err := os.ReadFile(mark); err == nil {
				t.Errorf("a command of the repository ran: %s", text)
			}
		})
	}
}

// The program that signs is the user's, not the repository's.
func TestSigningProgram(t *testing.T) {
	dir, mark := repository(t)
	bad, good := filepath.Join(t.TempDir(), "bad"), filepath.Join(t.TempDir(), "good")
	for name, text := range map[string]string{bad: "#!/bin/sh\necho ran >>" + mark + "\nexit 1\n", good: "#!/bin/sh\necho good >>" + mark + "\nexit 1\n"} {
		write(t, name, text)
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	plain(t, dir, "config", "gpg.program", bad)
	plain(t, dir, "config", "gpg.openpgp.program", bad)
	global := filepath.Join(t.TempDir(), "gitconfig")
	write(t, global, "[user]\nname=x\nemail=x@example.com\nsigningkey=x\n[gpg]\nprogram="+good+"\n")
	git, err := New(dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+global, "PATH="+os.Getenv("PATH"))).Signing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := git.Line(t.Context(), "rev-parse", "HEAD^{tree}")
	if err != nil {
		t.Fatal(err)
	}
	_, err = git.Run(t.Context(), strings.NewReader("x\n"), "commit-tree", "-S", tree)
	if text, _ := os.ReadFile(mark); strings.Contains(string(text), "ran") {
		t.Errorf("the repository's program signed: %s (%v)", text, err)
	}
}

// What a repository puts in the place of an object is nothing that anybody else will see.
func TestReplacedObjects(t *testing.T) {
	dir, _ := repository(t)
	git := New(dir, nil)
	want, err := git.Line(t.Context(), "rev-parse", "HEAD:a.txt")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "other.txt"), "other\n")
	other, err := git.Line(t.Context(), "hash-object", "-w", "other.txt")
	if err != nil {
		t.Fatal(err)
	}
	plain(t, dir, "replace", want, other)
	plain(t, dir, "add", "other.txt")
	plain(t, dir, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "y")
	plain(t, dir, "replace", "HEAD~1", "HEAD")
	if text, err := git.Line(t.Context(), "show", "HEAD:a.txt"); err != nil || text != "a" {
		t.Errorf("%q %v", text, err)
	}
	head, err := git.Line(t.Context(), "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".git", "info", "grafts"), head+"\n") // without parents
	if list, err := git.List(t.Context(), "ls-tree", "-z", "--name-only", "HEAD~1"); err != nil || !slices.Equal(list, []string{"a.txt"}) {
		t.Errorf("%q %v", list, err)
	}
}

func TestTimeAndErrors(t *testing.T) {
	dir, _ := repository(t)
	git := New(dir, nil)
	if _, err := git.Line(t.Context(), "rev-parse", "--verify", "nothing"); err == nil || !strings.HasPrefix(err.Error(), "git rev-parse: ") {
		t.Error(err)
	}
	// What keeps commits from getting other parents says nothing that would stand before an error.
	if _, err := git.Run(t.Context(), nil, "merge-base", "--is-ancestor", "HEAD", "nothing"); err == nil || !strings.HasPrefix(err.Error(), "git merge-base: fatal: ") {
		t.Error(err)
	}
	for name, want := range map[string]bool{"a.txt": true, "b.txt": false} {
		if is, err := Tracked(t.Context(), filepath.Join(dir, name)); err != nil || is != want {
			t.Errorf("git tracks %s: %v, %v", name, is, err)
		}
	}
	if is, err := Tracked(t.Context(), filepath.Join(t.TempDir(), "x")); err != nil || is {
		t.Errorf("outside of a repository: %v, %v", is, err)
	}
	if _, err := git.In(filepath.Join(dir, "nowhere")).Line(t.Context(), "rev-parse"); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if _, err := git.Line(ctx, "status"); !errors.Is(err, context.Canceled) || time.Since(began) > 10*time.Second {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Tracked(t.Context(), filepath.Join(dir, "a.txt")); err == nil {
		t.Error("without git nobody can tell, and no error says so")
	}
}
