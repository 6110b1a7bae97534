package command

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"

	"etcdmod/internal/gitcmd"
)

// pager returns the command that git would show long output with: that of the user's
// environment or global configuration. What a repository configures counts for nothing here.
func (env *Env) pager(ctx context.Context) string {
	if value, ok := env.lookup("GIT_PAGER"); ok {
		return value
	}
	if value, err := gitcmd.New(os.TempDir(), env.Environ).Line(ctx, "config", "--global", "--get", "core.pager"); err == nil {
		return strings.TrimSpace(value)
	}
	if value, ok := env.lookup("PAGER"); ok {
		return value
	}
	return "less"
}

// page writes text to the terminal, through the pager. Whoever leaves the pager early has seen
// enough. Where none can be run, the text comes without.
func (env *Env) page(ctx context.Context, text []byte) error {
	name := env.pager(ctx)
	if name != "" && name != "cat" && len(text) > 0 {
		cmd := exec.CommandContext(ctx, "sh", "-c", name)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), env.Stdout, env.Stderr
		cmd.Env = env.Environ
		if cmd.Env == nil {
			cmd.Env = os.Environ()
		}
		for _, kv := range []string{"LESS=FRX", "LV=-c"} { // as git does, where they are not set
			if key, _, _ := strings.Cut(kv, "="); env.getenv(key) == "" {
				cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], kv)
			}
		}
		const notFound, notRun = 127, 126 // exit codes of sh
		err := cmd.Run()
		if code := cmd.ProcessState; err == nil || code != nil && code.ExitCode() != notFound && code.ExitCode() != notRun {
			return nil
		}
	}
	_, err := env.Stdout.Write(text)
	return err
}
