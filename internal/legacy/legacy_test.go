package legacy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFind: what each kind of file pins, and which of two counts.
func TestFind(t *testing.T) {
	const (
		v329 = "f1d7dd87da3e8feab4aaf675b8e29c6a5ed5f58b" // v3.2.9
	)
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string // "file:line:col pin; … what to do"
	}{
		{"nothing", nil, nil},
		{
			"dep", map[string]string{"Gopkg.lock": "# made by dep\n[[projects]]\n  name = \"github.com/coreos/etcd\"\n  packages = [\"clientv3\"]\n  revision = \"" + v329 + "\"\n  version = \"v3.2.9\"\n"},
			[]string{`Gopkg.lock:3:10 v3.2.9 … =3.2.26`},
		},
		{
			"the lock counts, not the constraint", map[string]string{
				"Gopkg.lock": "[[projects]]\nname = \"github.com/coreos/etcd\"\nrevision = \"" + v329 + "\"\nversion = \"v3.2.26\"\n" + "",
				"Gopkg.toml": "[[constraint]]\nname = \"github.com/coreos/etcd\"\nversion = \"=3.1.0\"\n",
			},
			[]string{`Gopkg.lock:2:8 v3.2.9 … =3.2.26`}, // the revision is what is built
		},
		{
			"without a lock", map[string]string{"Gopkg.toml": "[[override]]\nname = \"github.com/coreos/etcd\"\nversion = \"^3.1.0\"\n[[constraint]]\nname = \"github.com/coreos/etcd\"\nversion = \"3.3.13\"\n"},
			[]string{`Gopkg.toml:2:8 v3.1.0 … =3.2.26`},
		},
		{
			"a lock without etcd", map[string]string{
				"Gopkg.lock": "[[projects]]\nname = \"github.com/x/y\"\n",
				"Gopkg.toml": "[[constraint]]\nname = \"github.com/coreos/etcd\"\nversion = \"=3.2.9\"\n",
			},
			[]string{`Gopkg.toml:2:8 v3.2.9 … =3.2.26`},
		},
		{"safe", map[string]string{"Gopkg.lock": "[[projects]]\nname = \"github.com/coreos/etcd\"\nversion = \"v3.2.26\"\n"}, nil},
		{
			"glide", map[string]string{
				"glide.lock": "imports:\n- name: github.com/coreos/etcd\n  version: " + v329 + "\n  subpackages:\n  - clientv3\ntestImports: []\n",
				"glide.yaml": "import:\n- package: github.com/coreos/etcd\n  version: v3.1.0\n",
			},
			[]string{`glide.lock:2:9 v3.2.9 … version: v3.2.26`},
		},
		{
			"glide without a lock", map[string]string{"glide.yaml": "testImport:\n- package: github.com/coreos/etcd\n  version: ~3.2.0\n"},
			[]string{`glide.yaml:2:12 v3.2.0 … version: v3.2.26`},
		},
		{
			"godep, behind a tag", map[string]string{"Godeps/Godeps.json": "{\n\t\"Deps\": [\n\t\t{\"ImportPath\": \"github.com/coreos/etcd/client\", \"Comment\": \"v3.1.0-2-g" + v329[:7] + "\", \"Rev\": \"" + v329 + "\"},\n\t\t{\"ImportPath\": \"github.com/coreos/etcd/clientv3\", \"Rev\": \"" + v329 + "\"}\n\t]\n}\n"},
			[]string{`Godeps/Godeps.json:3:18 v3.2.9 … v3.2.26`},
		},
		{
			"govendor, by the time of the commit", map[string]string{"vendor/vendor.json": "{\"package\": [\n{\"path\": \"github.com/coreos/etcd/clientv3\", \"revision\": \"703663d1f6ed0000000000000000000000000000\", \"revisionTime\": \"2017-06-26T01:50:32Z\"}\n]}\n"},
			[]string{`vendor/vendor.json:2:10 commit 703663d1f6ed … @=v3.2.26`},
		},
		{
			"govendor, main of 2018", map[string]string{"vendor/vendor.json": "{\"package\": [{\"path\": \"github.com/coreos/etcd/clientv3\", \"revision\": \"688043a7c2ac8bbb0e73ca5694c7815275865e24\", \"revisionTime\": \"2018-07-11T13:59:41Z\"}]}"},
			[]string{`vendor/vendor.json:1:23 commit 688043a7c2ac … @=v3.3.13`},
		},
		{
			"vndr", map[string]string{"vendor.conf": "# deps\ngithub.com/coreos/etcd v3.2.1 # pinned\ngithub.com/coreos/etcd-operator v1\n"},
			[]string{`vendor.conf:2:1 v3.2.1 … etcd v3.2.26`},
		},
		{
			"a stray commit", map[string]string{"vendor.conf": "github.com/coreos/etcd 585b1d7bdc3c0000000000000000000000000000\n"},
			[]string{`vendor.conf:1:1 commit 585b1d7bdc3c … etcd v3.2.26`},
		},
		{"a commit of 2014, without its time", map[string]string{"vendor.conf": "github.com/coreos/etcd 7cb126967c8130b6f6c35bcebea79e639bb1174e\n"}, nil},
		{
			"a commit of 2017, without its time", map[string]string{"glide.lock": "imports:\n- name: github.com/coreos/etcd\n  version: 703663d1f6ed0000000000000000000000000000\n"},
			[]string{`glide.lock:2:9 commit 703663d1f6ed … version: v3.2.26`},
		},
		{
			"unknown", map[string]string{"vendor.conf": "github.com/coreos/etcd 2b3aa7e1d49d0000000000000000000000000000\n", "glide.yaml": "import:\n- package: github.com/coreos/etcd\n"},
			[]string{`glide.yaml:2:12  … version: v3.3.13`, `vendor.conf:1:1 commit 2b3aa7e1d49d … etcd v3.3.13`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range test.files {
				write(t, filepath.Join(dir, filepath.FromSlash(name)), text)
			}
			found, err := Find(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != len(test.want) {
				t.Fatalf("got %+v, want %q", found, test.want)
			}
			for i, f := range found {
				rel, err := filepath.Rel(dir, f.File)
				if err != nil {
					t.Fatal(err)
				}
				place, todo, _ := strings.Cut(test.want[i], " … ")
				if got := fmt.Sprintf("%s:%d:%d %s", filepath.ToSlash(rel), f.Line, f.Col, f.Pin); got != place {
					t.Errorf("got %q, want %q", got, place)
				}
				if !strings.Contains(f.Message, todo) {
					t.Errorf("%q does not say %q", f.Message, todo)
				}
				if f.Known == (len(f.Evidence) == 0) {
					t.Errorf("known: %v, evidence %q", f.Known, f.Evidence)
				}
			}
		})
	}
}

// TestMalformed: a broken file is named, and the others are read.
func TestMalformed(t *testing.T) {
	for _, name := range []string{"Gopkg.lock", "glide.lock", "Godeps/Godeps.json", "vendor/vendor.json"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, filepath.FromSlash(name)), "<<<<<<< HEAD\n\t{]: [\n")
		write(t, filepath.Join(dir, "vendor.conf"), "github.com/coreos/etcd v3.2.9\n")
		found, err := Find(dir)
		if err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %v", name, err)
		}
		if len(found) != 1 {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}

// FuzzRead: no bytes make a reader panic.
func FuzzRead(f *testing.F) {
	f.Add([]byte("[[projects]]\nname = \"github.com/coreos/etcd\"\n"))
	f.Add([]byte("imports:\n- name: github.com/coreos/etcd\n"))
	f.Add([]byte(`{"Deps":[{"ImportPath":"github.com/coreos/etcd"}],"package":[{"path":"github.com/coreos/etcd"}]}`))
	f.Add([]byte("github.com/coreos/etcd =\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, tool := range tools {
			pins, _ := tool.read(data)
			for _, p := range pins {
				judge(p, tool)
			}
		}
	})
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
