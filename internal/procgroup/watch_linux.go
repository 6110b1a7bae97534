package procgroup

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Variable has the mark of the process that a command is run for.
const Variable = "ETCDMOD_RUN"

// watched has that mark in the environment of the process that watches.
const watched = "ETCDMOD_WATCHED"

// watches begins the argument of that process, for whoever looks at a list of them.
const watches = "watches "

var (
	mark  string // "" where nothing is owned
	alive *os.File
	begin sync.Once
)

// Own marks what this process starts from here on.
func Own() {
	var id [16]byte
	rand.Read(id[:]) // never fails, see crypto/rand
	mark = hex.EncodeToString(id[:])
	os.Setenv(Variable, mark)
}

// Unmarked returns an environment without the mark: for a command of the user's that may leave
// something running on purpose.
func Unmarked(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, Variable+"=") })
}

// watch starts, before the first command, the process that watches. It has one end of a pipe of
// which this process has the other: no death of a process goes unnoticed that way, and no other
// one can be taken for it. Where it cannot be started, there is none: the commands are what
// counts.
func watch() {
	begin.Do(func() {
		if mark == "" {
			return
		}
		r, w, err := os.Pipe()
		if err != nil {
			return
		}
		defer r.Close()
		cmd := exec.Command("/proc/self/exe")
		cmd.Args = []string{os.Args[0], watches + strconv.Itoa(os.Getpid())}
		cmd.Env, cmd.Dir, cmd.Stdin = []string{watched + "=" + mark}, "/", r
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // signals of a terminal are not for it
		if cmd.Start() != nil {
			w.Close()
			return
		}
		alive = w
		go func() { _ = cmd.Wait() }()
	})
}

// Finish is called at the end of this process. It kills the commands that were told to end and
// did not. It leaves alone what was not told to end, such as what a go command leaves behind for
// later.
func Finish() {
	if stopped.Load() {
		end(func(env []byte) bool { return has(env, Variable+"="+mark) })
	}
	if alive != nil {
		_, _ = alive.WriteString(farewell)
	}
}

// farewell says that a process ends in good order.
const farewell = "."

// Watches reports whether this process was started to watch another one, and does that.
func Watches() bool {
	of := os.Getenv(watched)
	if of == "" || len(os.Args) != 2 || !strings.HasPrefix(os.Args[1], watches) {
		return false
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if said, _ := io.ReadAll(io.LimitReader(os.Stdin, 1)); string(said) != farewell {
		end(func(env []byte) bool { return has(env, Variable+"="+of) })
	}
	return true
}

// EndIn kills the processes that ended runs have left: those that have a mark and use dir for
// temporary files. It is for a directory that no living run has.
func EndIn(dir string) {
	end(func(env []byte) bool {
		return has(env, "TMPDIR="+dir) && bytes.Contains(env, []byte("\x00"+Variable+"="))
	})
}

// has reports whether an environment, which begins with a zero byte, has a setting.
func has(env []byte, setting string) bool { return bytes.Contains(env, []byte("\x00"+setting+"\x00")) }

// end kills all processes with such an environment. One that is about to start another one may have done so
// after the list was read, so it is read until none is left, nor any that has a program and no
// environment yet: it has just been started.
func end(is func(env []byte) bool) {
	for range 100 {
		left := false
		names, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, name := range names {
			env, err := os.ReadFile(name) // of other users: none
			dir := filepath.Dir(name)
			if _, program := os.Readlink(filepath.Join(dir, "exe")); err == nil && len(env) == 0 && program == nil {
				left = true
				continue
			}
			pid, _ := strconv.Atoi(filepath.Base(dir))
			if err == nil && pid != os.Getpid() && is(append([]byte{0}, env...)) {
				left = true
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if !left {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
