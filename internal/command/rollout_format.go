package command

import (
	"io"
	"os"
	"time"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/rollout"
)

// patchesFor makes sure that there are patches where the report shows them: in a directory
// of its own, which done removes, where none was asked for.
func patchesFor(format string, opts *rollout.Options) (done func(), err error) {
	if opts.Out != "" || format != "html" && format != "sarif" {
		return func() {}, nil
	}
	if opts.Out, err = (gocmd.Runner{Env: opts.Pipeline.Env}).MkdirTemp("etcdmod-rollout-"); err != nil {
		return nil, err
	}
	return func() { os.RemoveAll(opts.Out) }, nil
}

// printIndex writes an index in a form of -format. dir has the patches; it may be "". kept
// says that it stays.
func printIndex(w io.Writer, index *rollout.Index, format, dir string, kept bool, took time.Duration) error {
	switch format {
	case formatText, "summary":
		return index.Summary(w, took)
	case formatJSON:
		return index.JSON(w)
	}
	page := index.Page(dir)
	page.Topics = reportTopics()
	for i := range page.Units {
		if !kept {
			page.Units[i].Patch = ""
		}
	}
	return renderers[format](w, page)
}
