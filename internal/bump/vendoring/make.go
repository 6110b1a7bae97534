package vendoring

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
)

// make lets the go command make the directory elsewhere for a state of the module, and returns
// the files by their names below vendor.
func (d Directory) make(ctx context.Context, s State) (map[string][]byte, error) {
	dir, err := d.Go.MkdirTemp("etcdmod-vendor-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	mod, sum := filepath.Join(dir, "go.mod"), ""
	if err := os.WriteFile(mod, s.GoMod, 0o600); err != nil {
		return nil, err
	}
	if s.GoSum != nil {
		sum = filepath.Join(dir, "go.sum")
		if err := os.WriteFile(sum, s.GoSum, 0o600); err != nil {
			return nil, err
		}
	}
	out := filepath.Join(dir, "vendor")
	if d.Work != "" {
		return d.workspace(ctx, dir, mod, sum, out)
	}
	if _, err := d.Go.With("GOWORK=off").Run(ctx, "mod", "vendor", "-modfile="+mod, "-o", out); err != nil {
		return nil, err
	}
	files, err := made(out)
	if err != nil {
		return nil, err
	}
	return files, d.overlay(files)
}

// overlay gives the go.mod and the go.sum that are vendored from directories the text that the layer
// has of them: the go command builds with that, and copies what is on disk.
func (d Directory) overlay(files map[string][]byte) error {
	laid, err := d.Go.Layer.Files()
	if err != nil || len(laid) == 0 {
		return err
	}
	o := newOrigins(d, files)
	for p, line := range o.packages {
		mod, at, ok := named(line)
		if _, copied := files[filepath.Join(filepath.FromSlash(p), "go.mod")]; !ok || !copied || p != mod || !local(at) {
			continue // from go 1.17 on there are none
		}
		for _, base := range []string{"go.mod", "go.sum"} {
			if text, ok := laid[filepath.Join(o.directory(at), base)]; ok {
				files[filepath.Join(filepath.FromSlash(p), base)] = text
			}
		}
	}
	return nil
}

// workspace makes that of a workspace, from a copy of its go.work: the go command adds to the
// sums beside it.
func (d Directory) workspace(ctx context.Context, dir, mod, sum, out string) (map[string][]byte, error) {
	data, err := modules.ReadFile(d.Work, rooted.ModFile)
	if err != nil {
		return nil, err
	}
	work, err := modules.ParseGoWork(d.Work, data)
	if err != nil {
		return nil, err
	}
	copied := filepath.Join(dir, "work")
	if err := errors.Join(os.Mkdir(copied, 0o700), work.Relocated(copied, d.Go.Dir)); err != nil {
		return nil, err
	}
	overlay := filepath.Join(dir, "overlay.json")
	err = gocmd.WriteOverlay(overlay, d.Go.Layer.Over(map[string]string{
		filepath.Join(d.Go.Dir, "go.mod"): mod,
		filepath.Join(d.Go.Dir, "go.sum"): sum,
	}))
	if err != nil {
		return nil, err
	}
	if _, err := d.Go.With("GOWORK="+filepath.Join(copied, "go.work")).Run(ctx, "work", "vendor", "-overlay="+overlay, "-o", out); err != nil {
		return nil, err
	}
	files, err := made(out)
	if text, ok := files[list]; ok {
		files[list] = respelled(text, copied, work, d.Home)
	}
	return files, err
}

// respelled gives the directories that a modules.txt names for what is replaced the names that
// they have where the go.work is, not where it was copied to.
func respelled(text []byte, copied string, work *modules.GoWork, home string) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		body := strings.TrimSuffix(line, "\n")
		old, dir, ok := strings.Cut(body, " => ")
		switch {
		case !ok || !strings.HasPrefix(body, "# "):
		case strings.HasPrefix(dir, "./") || strings.HasPrefix(dir, "../"):
			if rel, err := filepath.Rel(home, filepath.Join(copied, filepath.FromSlash(dir))); err == nil {
				if dir = filepath.ToSlash(rel); !strings.HasPrefix(dir, "../") {
					dir = "./" + dir
				}
				line = old + " => " + dir + "\n"
			}
		case filepath.IsAbs(filepath.FromSlash(dir)):
			for _, r := range work.Replace {
				if r.Local() && r.Dir(home) == filepath.FromSlash(dir) {
					line = old + " => " + r.New.Path + "\n"
				}
			}
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

// made returns the files that the go command made below a directory; none where there was nothing
// to vendor.
func made(out string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(out, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(out, name)
		if err != nil {
			return err
		}
		files[rel], err = os.ReadFile(name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	return files, err
}
