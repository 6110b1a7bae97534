package journal

import "path/filepath"

// A move takes one target from one content to another.
type move struct {
	target, temp string // temp holds the content to, unless to is absent
	from, to     string // sha256 in hex, or absent
}

// A conflict is a target that holds neither what a move takes it from nor what it
// takes it to, or one for which that content is gone.
type conflict struct {
	move
	tempGone bool
}

func (c *conflict) Error() string { return c.target + " is not what it was" }

// settle does m, or what is left of it, and does nothing where it was done. It
// replaces nothing but the content that m starts from: a target that holds
// something else is a *conflict and is left alone. Publishing, finishing after a
// kill and going back are all this.
func (t *tree) settle(m move) error {
	now, err := t.content(m.target)
	if err != nil {
		return &WriteError{"read", t.path(m.target), err}
	}
	if now == m.to {
		if err := t.remove(m.temp); err != nil {
			return &WriteError{"remove", t.path(m.temp), err}
		}
		return nil
	}
	held, err := t.content(m.temp)
	if err != nil {
		return &WriteError{"read", t.path(m.temp), err}
	}
	intact := m.to == absent || held == m.to
	if now != m.from || !intact {
		return &conflict{m, held != m.to || held == absent}
	}
	if m.to == absent {
		if err := t.remove(m.target); err != nil {
			return &WriteError{"remove", t.path(m.target), err}
		}
		return nil
	}
	if err := t.rename(m.temp, m.target); err != nil {
		return &WriteError{"replace", t.path(m.target), err}
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
