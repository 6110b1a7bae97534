//go:build ignore

// Commits writes etcd-commits.bin, which tells the time of a commit from its hash.
//
// In a clone of etcd's repository that has all branches and tags:
//
//	git log --all --format='%ct %H' | go run commits.go >etcd-commits.bin
//
// It has the commits up to the fix of issue #10111 on main: whatever is younger lacks no fix
// that a pin of github.com/coreos/etcd is judged by, but for those that
// etcd-affected-commits-after-20170801.txt lists.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"slices"
)

// last is the commit time of 64e8b2e90, the fix of issue #10111 on main.
const last = 1538738252

func main() {
	log.SetFlags(0)
	var records [][]byte
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var when uint32
		var hash string
		if _, err := fmt.Sscan(in.Text(), &when, &hash); err != nil {
			log.Fatalf("%q: %v", in.Text(), err)
		}
		if when > last {
			continue
		}
		commit, err := hex.DecodeString(hash[:12])
		if err != nil {
			log.Fatalf("%q: %v", in.Text(), err)
		}
		records = append(records, binary.BigEndian.AppendUint32(commit, when))
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
	slices.SortFunc(records, bytes.Compare)
	if _, err := os.Stdout.Write(slices.Concat(records...)); err != nil {
		log.Fatal(err)
	}
}
