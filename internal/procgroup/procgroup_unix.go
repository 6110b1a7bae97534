//go:build unix

package procgroup

import (
	"os/exec"
	"syscall"
)

// Set makes cmd, which has not started, the leader of a process group. The end of its context
// interrupts the group as a whole, so that what it runs can clean up.
func Set(cmd *exec.Cmd) {
	watch()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		stopped.Store(true)
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	}
}

// End kills what an interrupt did not end.
func End(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
