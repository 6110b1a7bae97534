package patch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"etcdmod/internal/change"

	"github.com/google/go-cmp/cmp"
)

// A tree is a directory for the real git, without anyone's settings.
type tree struct {
	t   testing.TB
	dir string
}

func newTree(t testing.TB) tree {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git was not found in PATH")
	}
	return tree{t, t.TempDir()}
}

// git runs git with stdin as its input and gives what it prints.
func (tr tree) git(stdin []byte, args ...string) []byte {
	tr.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = tr.dir
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CEILING_DIRECTORIES="+filepath.Dir(tr.dir), "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	)
	for _, name := range []string{"GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=", "GIT_PREFIX="} {
		cmd.Env = removeEnv(cmd.Env, name)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		tr.t.Fatalf("git %s: %v\n%s\ninput:\n%.3000q", strings.Join(args, " "), err, errs.Bytes(), stdin)
	}
	return out.Bytes()
}

// removeEnv drops settings that a git hook running the tests would have.
func removeEnv(env []string, prefix string) []string {
	var kept []string
	for _, e := range env {
		if !strings.HasPrefix(e, prefix) {
			kept = append(kept, e)
		}
	}
	return kept
}

// write makes the tree hold one side of changes.
func (tr tree) write(changes []change.Change, after bool) {
	tr.t.Helper()
	for _, c := range changes {
		name := filepath.Join(tr.dir, filepath.FromSlash(c.Path))
		content, ok := side(c, after)
		if !ok {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				tr.t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			tr.t.Fatal(err)
		}
		mode := fs.FileMode(0o644)
		if c.Executable {
			mode = 0o755
		}
		if err := os.WriteFile(name, content, mode); err != nil {
			tr.t.Fatal(err)
		}
	}
}

// check compares the tree with one side of changes: content, modes, and that
// nothing else is there.
func (tr tree) check(changes []change.Change, after bool) {
	tr.t.Helper()
	want := make(map[string]string)
	for _, c := range changes {
		if content, ok := side(c, after); ok {
			want[c.Path] = string(content)
		}
	}
	got := make(map[string]string)
	err := filepath.WalkDir(tr.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		content, err := os.ReadFile(name)
		rel, _ := filepath.Rel(tr.dir, name)
		got[filepath.ToSlash(rel)] = string(content)
		return err
	})
	if err != nil {
		tr.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tr.t.Fatalf("tree (-want +got)\n%.4000s", diff)
	}
	for _, c := range changes {
		if _, ok := side(c, after); !ok {
			continue
		}
		info, err := os.Stat(filepath.Join(tr.dir, filepath.FromSlash(c.Path)))
		if err != nil {
			tr.t.Fatal(err)
		}
		if executable := info.Mode()&0o100 != 0; executable != c.Executable {
			tr.t.Errorf("%s: mode %v, want executable %v", c.Path, info.Mode(), c.Executable)
		}
	}
}

// side gives the content of c on one side, and whether the file is there.
func side(c change.Change, after bool) ([]byte, bool) {
	if after {
		return c.New, !c.Deleted
	}
	return c.Old, !c.Created
}

// applies fails the test unless git takes the patch of changes, both ways.
func applies(t *testing.T, changes []change.Change) {
	t.Helper()
	patch, err := Unified(changes)
	if err != nil {
		t.Fatal(err)
	}
	if len(patch) == 0 {
		return
	}
	tr := newTree(t)
	tr.write(changes, false)
	tr.git(patch, "apply", "--check", "-")
	tr.git(patch, "apply", "-")
	tr.check(changes, true)
	tr.git(patch, "apply", "-R", "--check", "-")
	tr.git(patch, "apply", "-R", "-")
	tr.check(changes, false)

	stats, err := Stats(changes)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	for _, s := range stats {
		fmt.Fprintf(&want, "%d\t%d\t%s\x00", s.Added, s.Removed, s.Path)
	}
	if diff := cmp.Diff(want.String(), string(tr.git(patch, "apply", "--numstat", "-z", "-"))); diff != "" {
		t.Errorf("Stats (-ours +git's)\n%.4000s", diff)
	}
}

func TestGoldenApplies(t *testing.T) {
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			applies(t, tt.changes)
		})
	}
}

// TestLikeGit compares with the patches that git itself makes of the same trees.
func TestLikeGit(t *testing.T) {
	// git prints the mode of modified files there, we do not know it.
	indexMode := regexp.MustCompile(`(?m)^(index [0-9a-f]+\.\.[0-9a-f]+) 100(644|755)$`)
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Unified(tt.changes)
			if err != nil {
				t.Fatal(err)
			}
			tr := newTree(t)
			tr.git(nil, "init", "-q")
			tr.write(tt.changes, false)
			tr.git(nil, "add", "-A")
			tr.git(nil, "commit", "-q", "--allow-empty", "-m", "before")
			tr.write(tt.changes, true)
			tr.git(nil, "add", "-A")
			want := tr.git(nil, "diff", "--cached", "--text", "--no-renames", "--no-color", "--abbrev=7", "HEAD")
			want = indexMode.ReplaceAll(want, []byte("$1"))
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-git's +ours)\n%s", diff)
			}
		})
	}
}

// TestThreeWay: the index lines let git merge into a file that has changed meanwhile.
func TestThreeWay(t *testing.T) {
	edit := modified("dir/f.go", "1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\n5\n6\n7\nours\n")
	patch, err := Unified([]change.Change{edit})
	if err != nil {
		t.Fatal(err)
	}
	tr := newTree(t)
	tr.git(nil, "init", "-q")
	tr.write([]change.Change{edit}, false)
	tr.git(nil, "add", "-A")
	tr.git(nil, "commit", "-q", "-m", "before")
	tr.write([]change.Change{modified("dir/f.go", "", "1\n2\n3\n4\ntheirs\n6\n7\n8\n")}, true)
	tr.git(nil, "add", "-A")
	tr.git(nil, "commit", "-q", "-m", "meanwhile")

	tr.git(patch, "apply", "--3way", "-")
	tr.check([]change.Change{modified("dir/f.go", "", "1\n2\n3\n4\ntheirs\n6\n7\nours\n")}, true)
}

// TestNastyPaths gives git every path that its quoting and its parsing of the
// "diff --git" line could get wrong, with content and without.
func TestNastyPaths(t *testing.T) {
	var changes []change.Change
	for i, path := range []string{
		"plain", "a b", " lead", "trail ", "two  spaces", "a b a", "a/b b/a", "x b/x", "b/ a", "dev/null",
		`q"uote`, `"quoted"`, `back\slash`, `\n`, "tab\tx", "nl\nx", "cr\r", "\x01\x1f\x7f", "bell\a\b\v\f",
		"ü", "日本/語 .go", "inv\xffalid", "\xc3", "emoji 🙂", "-dash", "--- a", "+++ b", "#", "~", "$x", "'", "*?[",
		"very/deep/path/with/many/elements/f.go", ".hidden/.f", "...", "a.git/b", "git", "1", "@@ -1 +1 @@",
	} {
		changes = append(changes,
			modified(path, "old\n", "new\n"),
			created(path+".created", fmt.Sprintln(i)),
			deleted(path+".deleted", fmt.Sprintln(i)),
			created(path+".born-empty", ""),
			deleted(path+".died-empty", ""),
			created("dir."+path+" ", ""),
			modified("x"+path+"/"+path, "", "x"),
		)
	}
	applies(t, changes)
}

// odd is lines that a diff can get wrong; few, so that random files share many.
var odd = []string{
	"\n", "}\n", "\t}\n", "a\n", "b\n", "\tif err != nil {\n", "func f() {\n", "func g() {\n", // as in source
	"a\r\n", "\r\n", "}\r\n", "\r\r\n", "a\rb\n", "\r\n", // line endings
	"\xff\n", "\xc3\x28\n", "\xe2\x82\n", "\xed\xa0\x80\n", "\x00\n", "a\x00b\n", "\xef\xbb\xbfa\n", "\ufffd\n", "日本\n", // bytes
	"-- a/f\n", "++ b/f\n", "@@ -1 +1 @@\n", "\\ No newline at end of file\n", "diff --git a/f b/f\n", " \n", "-\n", "+\n", // patches
}

// randomFile gives up to n lines of the first few of a shuffled odd.
func randomFile(rng *rand.Rand, n int) []string {
	few := rng.Perm(len(odd))[:1+rng.IntN(len(odd))]
	if rng.IntN(3) == 0 {
		few = few[:1]
	}
	lines := make([]string, rng.IntN(n+1))
	for i := range lines {
		lines[i] = odd[few[rng.IntN(len(few))]]
	}
	return lines
}

// randomEdit removes, replaces and adds some lines.
func randomEdit(rng *rand.Rand, lines []string) []string {
	out := append([]string(nil), lines...)
	for range rng.IntN(6) {
		at := rng.IntN(len(out) + 1)
		to := min(len(out), at+rng.IntN(4))
		var with []string
		for range rng.IntN(4) {
			with = append(with, odd[rng.IntN(len(odd))])
		}
		out = append(append(append([]string(nil), out[:at]...), with...), out[to:]...)
	}
	return out
}

// finish joins lines, and sometimes takes the final line feed away.
func finish(rng *rand.Rand, lines []string) []byte {
	text := strings.Join(lines, "")
	if rng.IntN(4) == 0 {
		text = strings.TrimSuffix(text, "\n")
	}
	return []byte(text)
}

func randomChange(rng *rand.Rand, path string) change.Change {
	old := randomFile(rng, 40)
	switch rng.IntN(12) {
	case 0:
		return change.Change{Path: path, New: finish(rng, old), Created: true, Executable: rng.IntN(2) == 0}
	case 1:
		return change.Change{Path: path, Old: finish(rng, old), Deleted: true, Executable: rng.IntN(2) == 0}
	case 2:
		return change.Change{Path: path, Old: finish(rng, old), New: finish(rng, randomFile(rng, 40))}
	default:
		return change.Change{Path: path, Old: finish(rng, old), New: finish(rng, randomEdit(rng, old))}
	}
}

// TestRandomApplies lets git apply, check and undo patches of random edits.
func TestRandomApplies(t *testing.T) {
	const batches, files = 6, 500
	for batch := range batches {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(uint64(batch), 7))
			var changes []change.Change
			for i := range files {
				changes = append(changes, randomChange(rng, fmt.Sprintf("d%d/f %d.go", i%7, i)))
			}
			applies(t, changes)
		})
	}
}
