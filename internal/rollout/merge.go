package rollout

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"etcdmod/internal/patch"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
	"etcdmod/internal/rollout/state"
	"etcdmod/internal/rooted"
	"etcdmod/internal/version"
)

// A shardOutput is the output directory of one machine.
type shardOutput struct {
	dir   string
	root  *rooted.Dir // so that no index can lead out of the directory
	index *Index
	times times
}

// Merge joins the output directories that the machines of one rollout have written, given in
// any order, into one that is as if a single machine had done it all. It returns the index of
// that, and how long the slowest machine took. An empty out writes nothing.
//
// Errors wrap [ErrUsage] where the directories are not those of all machines of one rollout;
// nothing is written then.
func Merge(out string, dirs []string) (_ *Index, took time.Duration, err error) {
	var shards []*shardOutput
	defer func() {
		for _, s := range shards {
			s.root.Close()
		}
	}()
	for _, dir := range dirs {
		if out != "" && (pathname.Below(realDir(out), realDir(dir)) || pathname.Below(realDir(dir), realDir(out))) {
			return nil, 0, fmt.Errorf("%w: the output in %s would replace the shard in %s", ErrUsage, quote.Name(out), quote.Name(dir))
		}
		s, err := openShard(dir)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %s: %w", ErrUsage, quote.Name(dir), err)
		}
		shards = append(shards, s)
	}
	if err := together(shards); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	index := *shards[0].index
	index.Shard, index.Complete, index.Modules, index.Notes = Shard{}, false, nil, nil
	index.key, index.unvouched = nil, nil // the whole is vouched for where all of its parts are
	from := map[string]*shardOutput{}
	for _, s := range shards {
		if s.index.unvouched != nil && index.unvouched == nil {
			index.unvouched = fmt.Errorf("%s: %w", quote.Name(s.dir), s.index.unvouched)
		}
		took = max(took, time.Duration(s.times.Seconds*float64(time.Second)))
		for _, n := range s.index.Notes {
			if !slices.Contains(index.Notes, n) {
				index.Notes = append(index.Notes, n) // each machine has those of the whole tree
			}
		}
		for _, m := range s.index.Modules {
			if other := from[m.Dir]; other != nil {
				return nil, 0, fmt.Errorf("%w: the module in %s is in %s and in %s", ErrUsage, quote.Name(m.Dir), quote.Name(other.dir), quote.Name(s.dir))
			}
			from[m.Dir] = s
			m.Seconds = s.times.Modules[m.Dir]
			index.Modules = append(index.Modules, m)
		}
	}
	if n := len(index.Modules); n != index.Source.Modules {
		return nil, 0, fmt.Errorf("%w: the shards have %d modules of %d", ErrUsage, n, index.Source.Modules)
	}
	slices.SortFunc(index.Modules, func(a, b Module) int { return cmp.Compare(a.Dir, b.Dir) })
	// Everything is read before anything is written.
	files := make([][]unitFiles, len(index.Modules))
	for i := range index.Modules {
		m := &index.Modules[i]
		if files[i], err = from[m.Dir].units(m); err != nil {
			return nil, 0, fmt.Errorf("%w: %s: %w", ErrUsage, quote.Name(from[m.Dir].dir), err)
		}
	}
	o, err := openOutput(out, &index)
	if err != nil {
		return nil, 0, err
	}
	defer o.close()
	for i := range index.Modules {
		if err := o.units(&index.Modules[i], files[i]); err != nil {
			return nil, 0, err
		}
	}
	return &index, took, o.complete(&index, took)
}

// openShard reads the index of an output directory.
func openShard(dir string) (_ *shardOutput, err error) {
	s := &shardOutput{dir: dir}
	if s.root, err = rooted.Open(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.root.Close()
		}
	}()
	s.index, err = readIndex(s.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no %s; want the directory that \"rollout -o\" has written", IndexFile)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", IndexFile, err)
	case s.index.Tool != version.Version:
		return nil, fmt.Errorf("etcdmod %s has written it, and this is %s", s.index.Tool, version.Version)
	case s.index.Shard.Count == 0:
		return nil, errors.New("it is the result of a whole rollout, not of a shard")
	case !s.index.Complete:
		return nil, fmt.Errorf("the run of shard %s has not come to its end", s.index.Shard)
	}
	s.times, err = readTimes(s.root)
	return s, err
}

// together reports why the shards are not all those of one rollout.
func together(shards []*shardOutput) error {
	if len(shards) == 0 {
		return errors.New("no shards are given")
	}
	first := shards[0]
	count := first.index.Shard.Count
	have := map[int]*shardOutput{}
	for _, s := range shards {
		a, b := first.index, s.index
		var differ []string
		if count != b.Shard.Count {
			differ = append(differ, fmt.Sprintf("number of shards: %d, %d", count, b.Shard.Count))
		}
		if a.Source.Commit != b.Source.Commit {
			differ = append(differ, fmt.Sprintf("commit: %s, %s", state.OrUnset(a.Source.Commit), state.OrUnset(b.Source.Commit)))
		} else if a.Source.Tree != b.Source.Tree || a.Source.Modules != b.Source.Modules {
			differ = append(differ, "the modules, what they require, or their owners")
		}
		differ = append(differ, a.Source.Settings.Differences(b.Source.Settings)...)
		if len(differ) > 0 {
			return fmt.Errorf("%s and %s are not of one rollout; they differ in\n\t%s", first.dir, s.dir, strings.Join(differ, "\n\t"))
		}
		if other := have[b.Shard.Index]; other != nil {
			return fmt.Errorf("%s and %s are both shard %s", other.dir, s.dir, b.Shard)
		}
		have[b.Shard.Index] = s
	}
	if len(have) == count {
		return nil
	}
	var missing []string
	for i := 1; len(missing) < count-len(have) && len(missing) < rows; i++ {
		if have[i] == nil {
			missing = append(missing, Shard{i, count}.String())
		}
	}
	return fmt.Errorf("%d of %d shards are missing: %s", count-len(have), count, strings.Join(missing, ", "))
}

// units reads the files of a module's units.
func (s *shardOutput) units(m *Module) (out []unitFiles, err error) {
	for _, u := range m.Units {
		if u.Patch == "" || u.Description == "" {
			return nil, fmt.Errorf("%s names no files for unit %s", IndexFile, u.ID)
		}
		files := unitFiles{patch: u.Patch, description: u.Description}
		if files.diff, err = s.root.ReadFile(u.Patch, rooted.Patch); err != nil {
			return nil, fmt.Errorf("it is not whole: %w", err)
		}
		if files.text, err = s.root.ReadFile(u.Description, rooted.Patch); err != nil {
			return nil, fmt.Errorf("it is not whole: %w", err)
		}
		if _, err := patch.Parse(files.diff); err != nil {
			return nil, fmt.Errorf("%s: %w", u.Patch, err)
		}
		out = append(out, files)
	}
	return out, nil
}
