//go:build unix

package verify

import (
	"os/exec"
	"syscall"
)

// group makes cmd the leader of a process group, which an interrupt reaches as a
// whole: the go command then removes its temporary files.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
}

// endGroup kills what an interrupt did not end.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
