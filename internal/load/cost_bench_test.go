//go:build unix

package load

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/gocmd"
)

// BenchmarkLoad is what the loader alone costs in the directories that ETCDMOD_REPOSITORIES lists, with an
// empty build cache: every package of the module whole, with its tests. It fails where a dependency has a type error.
// The peak is that of the process so far: of several directories, only that of the biggest so far counts.
func BenchmarkLoad(b *testing.B) {
	dirs := filepath.SplitList(os.Getenv("ETCDMOD_REPOSITORIES"))
	if len(dirs) == 0 {
		b.Skip("ETCDMOD_REPOSITORIES lists no directories of modules")
	}
	for _, dir := range dirs {
		b.Run(filepath.Base(dir), func(b *testing.B) {
			r := gocmd.Runner{Dir: dir}.With("GOCACHE=" + b.TempDir())
			out, err := r.Run(b.Context(), "list", "-e", "-f", "{{.Dir}}", "./...")
			if err != nil {
				b.Fatal(err)
			}
			packages := strings.Fields(string(out))
			for b.Loop() { // -benchtime 1x: the go command keeps an index of the module cache in the build cache
				own, children := spent(b, syscall.RUSAGE_SELF), spent(b, syscall.RUSAGE_CHILDREN)
				p, err := NewCache().Load(b.Context(), r, packages, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric((spent(b, syscall.RUSAGE_SELF) - own).Seconds(), "cpu-s")
				b.ReportMetric((spent(b, syscall.RUSAGE_CHILDREN) - children).Seconds(), "go-cpu-s")
				report(b, p)
			}
		})
	}
}

// report reports how many packages there are, and the errors.
func report(b *testing.B, p *Program) {
	whole, all := map[*packages.Package]bool{}, 0
	for _, pkg := range p.Packages {
		whole[pkg] = true
	}
	packages.Visit(p.Packages, nil, func(pkg *packages.Package) {
		all++
		if len(pkg.TypeErrors) == 0 {
			return
		}
		if whole[pkg] {
			b.Log(pkg.TypeErrors[0])
		} else {
			b.Error("a dependency has a type error:", pkg.TypeErrors[0])
		}
	})
	b.ReportMetric(float64(all), "packages")
	b.ReportMetric(float64(len(whole)), "whole")
	b.ReportMetric(float64(usage(b, syscall.RUSAGE_SELF).Maxrss)/1024, "MB")
}

func usage(b *testing.B, who int) (u syscall.Rusage) {
	b.Helper()
	if err := syscall.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return u
}

// spent is the time on the processors.
func spent(b *testing.B, who int) time.Duration {
	b.Helper()
	u := usage(b, who)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
