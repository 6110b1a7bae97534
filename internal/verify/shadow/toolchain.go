package shadow

import (
	"go/version"
	"strings"

	"etcdmod/internal/modules"
)

// newerToolchain gives the GOTOOLCHAIN that runs edited modules, or "" for the one
// that runs already.
//
// The go command chooses its toolchain by the go.mod or go.work on disk, before it
// looks at any overlay, and then refuses a go line that is newer than itself. With
// the edits on disk it would have switched, so where the setting lets it switch we
// say to which.
func newerToolchain(setting, running string, line, toolchain string) string {
	_, may, found := strings.Cut(setting, "+")
	if !found {
		may = setting
	}
	if may != "auto" && may != "path" {
		return ""
	}
	newest := ""
	if line != "" {
		newest = "go" + line
	}
	if version.Compare(toolchain, newest) > 0 {
		newest = toolchain
	}
	running, _, _ = strings.Cut(running, " ")
	if !version.IsValid(running) || version.Compare(newest, running) <= 0 {
		return ""
	}
	return newest + "+" + may
}

// toolchain gives the GOTOOLCHAIN for a side, "" for that of the user.
func (s *Side) toolchain() (string, error) {
	if s.gowork != "" {
		f, err := s.readWorkspace()
		if err != nil {
			return "", err
		}
		return newerToolchain(s.of.settings.GOTOOLCHAIN, s.of.settings.GOVERSION, f.Go, f.Toolchain), nil
	}
	name := s.of.settings.goMod()
	data, err := s.overlay.read(name)
	if err != nil {
		return "", err
	}
	f, err := modules.ParseGoModLax(name, data)
	if err != nil {
		return "", nil // the go command says it better
	}
	return newerToolchain(s.of.settings.GOTOOLCHAIN, s.of.settings.GOVERSION, f.Go, f.Toolchain), nil
}
