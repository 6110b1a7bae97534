package discover

import (
	"go/build"
	"os"
	"path/filepath"
	"testing"
)

// What is taken for plain is in the build of every configuration.
func TestPlain(t *testing.T) {
	dir := t.TempDir()
	plains := 0
	for _, base := range []string{"a.go", "a_test.go", "linux.go", "windows_test.go", "a_windows.go", "a_linux_test.go", "a_amd64.go", "a_b.go", "a.b.go", "unix.go"} {
		for _, src := range []string{
			"package a\n", "// Comment.\n\npackage a\n", "//go:build windows\n\npackage a\n", "\ufeff//go:build ignore\n\npackage a\n",
			"// +build plan9\n\npackage a\n", "/* x */ //go:build a\n\npackage a\n", "package a\n\nimport \"C\"\n", "package a\n\nimport `C`\n",
			"//go:build windows\r\n\r\npackage a\r\n", "package a\n\nimport (\n\t\"fmt\"\n\t_ \"C\"\n)\n",
		} {
			name := filepath.Join(dir, base)
			if err := os.WriteFile(name, []byte(src), 0o666); err != nil {
				t.Fatal(err)
			}
			if !plain(base, []byte(src)) {
				continue
			}
			plains++
			for _, goos := range []string{"linux", "windows", "plan9"} {
				ctx := build.Default
				ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled = goos, "arm64", false
				if match, err := ctx.MatchFile(dir, base); err == nil && !match {
					t.Errorf("%s is taken for plain, but %s leaves it out: %q", base, goos, src)
				}
			}
		}
	}
	if plains == 0 {
		t.Error("nothing is taken for plain")
	}
}
