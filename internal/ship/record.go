package ship

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/quote"
	"etcdmod/internal/rollout"

	"etcdmod/internal/appendlog"
	"etcdmod/internal/rooted"
)

// RecordFile is the name of the file, in the output directory, that remembers what has been
// published: a line of JSON for each, appended before the next command runs.
const RecordFile = "published.jsonl"

// A record is what has been published.
type record struct {
	log   *appendlog.Log
	index *rollout.Index    // whose key vouches for the lines, if it has one
	done  map[change]string // the links of what was published; "" where there is none
	// foreign counts the lines that nobody vouches for, and that do not count.
	foreign int
}

// A change is what a unit changes.
type change struct{ unit, change string }

// published is a line of the record.
type published struct {
	Unit   string `json:"unit"`
	Change string `json:"change"`
	Link   string `json:"link,omitempty"` // to where it is reviewed
	// Sum keeps somebody who can only write into the directory from having units passed over.
	Sum string `json:"sum,omitempty"`
}

// line is what is written of a unit, and is believed.
func (r *record) line(unit, change, link string) published {
	text := "published " + unit + " " + change
	if link != "" {
		text += " " + link
	}
	return published{unit, change, link, r.index.Vouches(text)}
}

func openRecord(ctx context.Context, dir string, index *rollout.Index) (_ *record, err error) {
	d, err := rooted.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if tracked, err := gitcmd.Tracked(ctx, d.Path(RecordFile)); err != nil {
		return nil, err
	} else if tracked {
		return nil, fmt.Errorf("%s: git tracks it, and what a repository brings says nothing of what was published; remove it (git rm), or name another directory", quote.Name(d.Path(RecordFile)))
	}
	r := &record{index: index, done: map[change]string{}}
	r.log, err = appendlog.Open(d, RecordFile, appendlog.Format{}, func(data []byte, _, _ int64) error {
		var p published
		if json.Unmarshal(data, &p) != nil {
			return nil
		}
		if index.Vouches("") == "" {
			p.Sum = ""
		}
		if p == r.line(p.Unit, p.Change, p.Link) {
			r.done[change{p.Unit, p.Change}] = linkIn(p.Link)
		} else {
			r.foreign++
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		r.log, err = appendlog.Create(d, RecordFile, appendlog.Format{})
	} else if err == nil {
		err = r.log.Begin()
	}
	if err != nil {
		return nil, fmt.Errorf("what was published cannot be recorded: %w", err)
	}
	return r, nil
}

// has reports whether a change was published, and the link to it.
func (r *record) has(c change) (link string, ok bool) {
	link, ok = r.done[c]
	return link, ok
}

// add returns when the line is on disk.
func (r *record) add(c change, link string) error {
	if err := r.log.Append(r.line(c.unit, c.change, link)); err != nil {
		return err
	}
	r.done[c] = link
	return nil
}

func (r *record) close() { _ = r.log.Close() }
