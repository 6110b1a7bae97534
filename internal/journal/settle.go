package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// A move takes one target from one content to another.
type move struct {
	target, temp string // temp holds the content to, unless to is absent
	// aside is the name that the target gets besides its own before it is replaced, so that
	// what was replaced can be looked at, and be put back.
	aside    string
	from, to string // sha256 in hex, or absent
}

// A conflict is a target that holds neither what a move takes it from nor what it
// takes it to, or one for which that content is gone.
type conflict struct {
	move
	tempGone bool
	putBack  bool // it was replaced, found to be another one, and put back
}

func (c *conflict) Error() string { return c.target + " is not what it was" }

// settle does m, or what is left of it, and does nothing where it was done. It
// replaces nothing but the content that m starts from: a target that holds
// something else is a *conflict and is left alone. Publishing, finishing after a
// kill and going back are all this.
//
// Somebody may write the target between the look at it and its replacement. So it is given
// another name first, and what was replaced is looked at once more under that: if it is not
// what m starts from, it is put back.
func (t *tree) settle(m move) error {
	now, err := t.content(m.target)
	if err != nil {
		return &WriteError{"read", t.path(m.target), err}
	}
	if now == m.to {
		return t.settled(m)
	}
	held, err := t.content(m.temp)
	if err != nil {
		return &WriteError{"read", t.path(m.temp), err}
	}
	intact := m.to == absent || held == m.to
	if now != m.from || !intact {
		return &conflict{move: m, tempGone: held != m.to || held == absent}
	}
	if m.from == absent {
		// Nothing is replaced, not even what is made in this moment.
		switch err := t.link(m.temp, m.target); {
		case errors.Is(err, fs.ErrExist):
			return &conflict{move: m}
		case err == nil:
			return t.settled(m)
		}
		if err := t.rename(m.temp, m.target); err != nil { // where there are no links
			return &WriteError{"replace", t.path(m.target), err}
		}
		return nil
	}
	if err := t.remove(m.aside); err != nil { // of a run that was killed here
		return &WriteError{"remove", t.path(m.aside), err}
	}
	linked := t.link(m.target, m.aside)
	if m.to == absent {
		if err := t.remove(m.target); err != nil {
			return &WriteError{"remove", t.path(m.target), err}
		}
	} else if err := t.rename(m.temp, m.target); err != nil {
		return &WriteError{"replace", t.path(m.target), err}
	}
	if linked != nil {
		return nil // not all file systems have links
	}
	return t.settled(m)
}

// settled ends a move whose target holds its new content: what was replaced must be what the
// move starts from, or else it is put back.
func (t *tree) settled(m move) error {
	was, err := t.content(m.aside)
	if err != nil {
		return &WriteError{"read", t.path(m.aside), err}
	}
	if was != absent && was != m.from {
		if err := t.rename(m.aside, m.target); err != nil {
			return &WriteError{"put back", t.path(m.target), err}
		}
		return &conflict{move: m, tempGone: true, putBack: true}
	}
	for _, name := range []string{m.temp, m.aside} {
		if err := t.remove(name); err != nil {
			return &WriteError{"remove", t.path(name), err}
		}
	}
	return nil
}

// A syncSet collects directories whose names changed.
type syncSet struct {
	tree *tree
	seen map[string]bool
	dirs []string
}

func (t *tree) syncSet() *syncSet { return &syncSet{tree: t, seen: map[string]bool{}} }

// parentOf adds the directory that name is in.
func (s *syncSet) parentOf(name string) {
	d := filepath.Dir(name)
	if !s.seen[d] {
		s.seen[d] = true
		s.dirs = append(s.dirs, d)
	}
}

// sync syncs them all, each once.
func (s *syncSet) sync() error {
	for _, d := range s.dirs {
		if s.tree.gone(d) {
			continue // removed since, by us or by somebody else
		}
		if err := s.tree.syncDir(d); err != nil {
			return &WriteError{"sync", s.tree.path(d), err}
		}
	}
	return nil
}
