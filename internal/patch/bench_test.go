package patch

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"etcdmod/internal/change"
)

// The inputs of the benchmarks; TestWorkIsBounded runs the worst of them once.

// scattered is a file of n lines, many of them alike as in source code, and the same
// with a line in a hundred changed, added or removed.
func scattered(n int) (old, new []byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	var a, b bytes.Buffer
	for i := range n {
		line := fmt.Sprintf("\tvalue%d := compute(%d)\n", i, i%97)
		switch i % 5 {
		case 3:
			line = "\t}\n"
		case 4:
			line = "\n"
		}
		a.WriteString(line)
		switch rng.IntN(300) {
		case 0:
		case 1:
			b.WriteString("\tchanged()\n")
		case 2:
			b.WriteString(line + "\tadded()\n")
		default:
			b.WriteString(line)
		}
	}
	return a.Bytes(), b.Bytes()
}

// reversed is n distinct lines, and the same lines from last to first: nothing
// can be left out and almost nothing matches.
func reversed(n int) (old, new []byte) {
	var a, b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&a, "line %d\n", i)
		fmt.Fprintf(&b, "line %d\n", n-1-i)
	}
	return a.Bytes(), b.Bytes()
}

// noise is two independent files of n lines with few distinct ones.
func noise(n, distinct int) (old, new []byte) {
	rng := rand.New(rand.NewPCG(3, 4))
	gen := func() []byte {
		var b bytes.Buffer
		for range n {
			fmt.Fprintf(&b, "%d\n", rng.IntN(distinct))
		}
		return b.Bytes()
	}
	return gen(), gen()
}

// repeated is one line n times against m times, among others that keep the sides from
// being trimmed and the shorter from being found in the longer before its last line.
func repeated(n, m int) (old, new []byte) {
	return []byte("y\n" + strings.Repeat("x\n", n) + "w\nz\n"), []byte(strings.Repeat("x\n", m) + "w\ny\n")
}

func BenchmarkUnified(b *testing.B) {
	type input = func() (old, new []byte)
	for _, bm := range []struct {
		name  string
		input input
	}{
		{"scattered-20k", func() ([]byte, []byte) { return scattered(20_000) }},
		{"scattered-500k", func() ([]byte, []byte) { return scattered(500_000) }},
		{"reversed-7k", func() ([]byte, []byte) { return reversed(7_000) }},
		{"reversed-20k", func() ([]byte, []byte) { return reversed(20_000) }},
		{"noise2-20k", func() ([]byte, []byte) { return noise(20_000, 2) }},
		{"noise50-9k", func() ([]byte, []byte) { return noise(9_000, 50) }},
		{"noise50-20k", func() ([]byte, []byte) { return noise(20_000, 50) }},
		{"noise5000-20k", func() ([]byte, []byte) { return noise(20_000, 5000) }},
		{"repeated-20k", func() ([]byte, []byte) { return repeated(20_000, 10_000) }},
		{"repeated-100k", func() ([]byte, []byte) { return repeated(100_000, 91_000) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			old, new := bm.input()
			changes := []change.Change{{Path: "f.go", Old: old, New: new}}
			b.SetBytes(int64(len(old) + len(new)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Unified(changes); err != nil {
					b.Fatal(err)
				}
			}
			stats, err := Stats(changes)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(stats[0].Added+stats[0].Removed), "changed-lines")
		})
	}
}

func BenchmarkColour(b *testing.B) {
	old, new := scattered(20_000)
	long := strings.Repeat("ab", 240)
	for range 2000 {
		old = append(old, long+"\n"...)
		new = append(new, strings.ReplaceAll(long, "ab", "bca")[:480]+"\n"...)
	}
	changes := []change.Change{{Path: "f.go", Old: old, New: new}}
	b.ReportAllocs()
	for b.Loop() {
		if err := Colour(io.Discard, changes); err != nil {
			b.Fatal(err)
		}
	}
}
