package helper

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// A State is what a file of the package is for a version of etcdmod.
type State int

const (
	Foreign State = iota // no version of etcdmod has generated it
	Current              // what that version generates
	Earlier              // what an earlier version has generated
	Newer                // what a newer one has generated
	Edited               // generated, and changed by hand since then
)

// Worst returns the file that stands in the way most, by name, and what it is: one that was
// edited, before one of a newer version, before one of an earlier. It is Current if there is
// none.
func Worst(files map[string][]byte, version string) (name string, worst State) {
	worst = Current
	for _, n := range Files {
		src, ok := files[n]
		if !ok {
			continue
		}
		if s := Judge(n, src, version); s > worst {
			name, worst = n, s
		}
	}
	return name, worst
}

// earlier has the hashes of the bodies that every earlier template gives, by file.
var earlier = map[string][]string{
	BellFile: {
		"35eeef6fb6812b29d5d3d7a3", "7c8765d8993b2cdc80dae417", "6678219194afc3ca41566dd4", "1005d920829b15efc2041bb1",
		"a18557c7ba33495a0a872f79",
	},
	ClocksFile: {
		"53b87a5e2a98b59832f5c9eb", "e6b028f639be19c3b20240d1", "b3ba0ee602106f3f0a8063ea", "eae6cab2d349b927869e57c3",
		"a718da507783225e890fbd15",
	},
	ElectionFile: {"584099ca1fd10f408b901c29"},
	MutexFile: {
		"2bd5e9c0d80d7b83d6ae1b4e", "f5abe06a4ee632085dfbad39", "731ab25e46c915f71f46d2e8", "329d9653d03bafcf6f40fa39",
		"a04f8166572e45acff9af92b", "a58c3c8a5c3ac048093e60a6", "f31aa0b5de97c61109d29c7c", "8593db0595eeb39b7158d59e",
		"a3f6ad4560b15d87bd4da07f", "00ee4702286878701895045f", "8c320e7f81980c362d797c71", "b42212ac134d1ad24624bfd6",
		"0f7bb8f6e680bcc07ac69fb9", "16b2f14903d2896b3f99db4b", "0c314db1f1291deeb4e716c9",
		"97c85726a8adb801156b1a0e",
		"6877fd4a43429ed4b16d71c5", "da1624953541cc331912d3dc", "83b54b09c4ef362433e8362d",
	},
	SessionFile: {"6e37e14a3f532f37eca992f2"},
	WatchFile: {
		"996f50b7456caa01c03d748c", "87aee5953ac7c85f55cab296", "d37da9497049dba818ba96fa", "e874a8c6479057ddf1795b91",
		"be40b90c0d0715663c027bd0", "e235a3973d6d36038feff7f2", "62044a46088cc381cea6c96a",
		"06fa1dfd3f8ae7727acab995", "238654171583fc0ff65482e0",
		"6046b697a0bc42bf5494b4de", "97edcd25cb753a2ae9826809", "052b41168982ad73133758c7",
		"70763b3e31c2f1bca1b653ee", "257c1e546fbc984a5547c899", "f0969906f634566a608de5d4", "25f90da49931447e284aaa87",
		"0ff3010c8c2923242e691d39", "50b25f384cf0702c6f40123b",
	},
	WithinFile: {"3f5d83c531ccacfa6691b8ef", "6e27a6d27534b4c75ea99105", "60751326622b20df54ec7a33"},
}

// Judge says what the file of that name is for a version of etcdmod. The header tells which
// version has generated it, and its body whether it is still as that was.
func Judge(name string, src []byte, version string) State {
	_, src = Header(src)
	if src == nil {
		return Foreign
	}
	body := bodyHash(src)
	now, err := Generate(Config{Package: "p", Concurrency: "x/y/concurrency", Version: version, Parts: All, Earlier: true})
	switch {
	case err == nil && now[name] != nil && bodyHash(now[name]) == body:
		return Current
	case slices.Contains(earlier[name], body):
		return Earlier
	case semver.Compare(madeBy(src), version) > 0:
		return Newer
	}
	return Edited
}

// madeBy is the version of etcdmod in the header of a generated file.
func madeBy(src []byte) string {
	line, _, _ := strings.Cut(string(src), "\n")
	version, _, _ := strings.Cut(strings.TrimPrefix(line, marker), ". DO NOT EDIT")
	return version
}

// variable is what differs between the packages that one template gives.
var variable = regexp.MustCompile(`(?m)^// Package \w+ |^package \w+$|^\t(clientv3 )?"[^"\n]+/[^"\n]+"$|^` + regexp.QuoteMeta(marker) + `.*$`)

// bodyHash is a hash of what all packages of one template have in common, whatever the line
// ends.
func bodyHash(src []byte) string {
	text := strings.ReplaceAll(string(src), "\r\n", "\n")
	text = variable.ReplaceAllStringFunc(text, func(s string) string {
		if first, _, _ := strings.Cut(s, "/"); first == "\t\"math" || first == "\t\"crypto" {
			return s // the standard library's
		}
		return ""
	})
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}
