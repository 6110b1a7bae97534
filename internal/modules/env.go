package modules

import (
	"os"
	"path/filepath"
	"strings"
)

// Setting returns what "go env" would say of a variable that has no default worth
// knowing here: from the environment, else from the file that "go env -w" writes.
func Setting(env []string) func(key string) string {
	if env == nil {
		env = os.Environ()
	}
	var saved []string
	if name := goenvFile(value(env, "GOENV")); name != "" {
		if data, err := os.ReadFile(name); err == nil {
			saved = strings.Split(string(data), "\n")
		}
	}
	return func(key string) string {
		if v := value(env, key); v != "" {
			return v
		}
		return value(saved, key)
	}
}

// value returns that of a key in lines with key=value, of which the last one counts. They
// are not made a map: few keys are asked for, once for each of thousands of modules.
func value(lines []string, key string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(lines[i], key); ok && strings.HasPrefix(v, "=") {
			return strings.TrimSuffix(v[1:], "\r")
		}
	}
	return ""
}

func goenvFile(setting string) string {
	switch setting {
	case "off":
		return ""
	case "":
		dir, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		return filepath.Join(dir, "go", "env")
	}
	return setting
}

// GoFlags returns the flags that GOFLAGS gives to every go command. Flags in quotes are
// not told apart: none that matter here needs them.
func GoFlags(env []string) []string { return strings.Fields(Setting(env)("GOFLAGS")) }

// GoWorkSetting returns the setting of GOWORK: "", "auto", "off" or the name of a file.
func GoWorkSetting(env []string) string { return Setting(env)("GOWORK") }
