package command_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// On a full disk, and on one that nobody may write to, a bump says what is in the way and
// leaves everything as it was. The file system is the module's alone, in a name space of
// its own: what the go command writes goes elsewhere.
func TestBumpNoRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	b := newBumpRun(t)
	for name, test := range map[string]struct{ options, spoil, says string }{
		"full":      {"size=64k", "cat /dev/zero > filler 2>/dev/null", "no space left on device"},
		"read only": {"size=64k", "mount -o remount,ro \"$1\"", "read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, mnt := b.module(t), t.TempDir()
			script := `mount -t tmpfs -o ` + test.options + ` none "$1" && cd "$1" && cp -r "$2"/. . || exit 77
sum() { find . ! -name filler -exec ls -ld --time-style=+ {} + ; cat go.mod go.sum app.go; }
` + test.spoil + `
sum > "$3/was"
"$4" bump > "$3/out" 2>&1
echo "exit code $?" >> "$3/out"
sum > "$3/is"
`
			results := t.TempDir()
			cmd := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", mnt, dir, results, b.etcdmod)
			cmd.Env = b.env
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Skipf("no file system can be mounted here: %v: %s", err, said)
			}
			read := func(name string) string {
				data, err := os.ReadFile(results + "/" + name)
				if err != nil {
					t.Fatal(err)
				}
				return string(data)
			}
			if out := read("out"); !strings.Contains(out, test.says) || !strings.Contains(out, "nothing was written") || !strings.HasSuffix(out, "exit code 4\n") {
				t.Errorf("want %q in: %s", test.says, out)
			}
			if was := read("was"); !strings.Contains(was, "v3.2.9+incompatible") {
				t.Errorf("the module is not there: %s", was)
			} else if d := cmp.Diff(was, read("is")); d != "" {
				t.Errorf("-was +is:\n%s", d)
			}
		})
	}
}
