package rollout

import (
	"fmt"
	"strconv"
	"strings"
)

// A Shard is one of several machines that share the modules of a tree; the zero value has
// them all.
type Shard struct {
	Index int // from 1 to Count
	Count int
}

func (s Shard) String() string {
	if s.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Count)
}

// MarshalText gives the form that ParseShard takes.
func (s Shard) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Shard) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = Shard{}
		return nil
	}
	got, err := ParseShard(string(text), func(string) string { return "" })
	*s = got
	return err
}

// ParseShard reads "2/4", the second of four machines. With "auto", or "auto/4" where the
// environment does not tell how many there are, the index is that of the job: CI_NODE_INDEX
// of CI_NODE_TOTAL, which count from 1, or JOB_COMPLETION_INDEX of a Kubernetes Indexed Job,
// which counts from 0.
func ParseShard(text string, getenv func(string) string) (Shard, error) {
	first, second, _ := strings.Cut(text, "/")
	var s Shard
	var err error
	if first == "auto" {
		name, base := "CI_NODE_INDEX", 0
		if getenv(name) == "" {
			name, base = "JOB_COMPLETION_INDEX", 1
		}
		if getenv(name) == "" {
			return Shard{}, fmt.Errorf("%q: neither CI_NODE_INDEX nor JOB_COMPLETION_INDEX is set", text)
		}
		if second == "" {
			second = getenv("CI_NODE_TOTAL")
		}
		if second == "" {
			return Shard{}, fmt.Errorf("%q: %s does not tell of how many; want auto/count", text, name)
		}
		if s.Index, err = strconv.Atoi(getenv(name)); err != nil {
			return Shard{}, fmt.Errorf("%q: %s is no number: %q", text, name, getenv(name))
		}
		s.Index += base
	} else if s.Index, err = strconv.Atoi(first); err != nil {
		return Shard{}, fmt.Errorf("%q: want index/count, as in 2/4, or auto", text)
	}
	if s.Count, err = strconv.Atoi(second); err != nil {
		return Shard{}, fmt.Errorf("%q: want index/count, as in 2/4, or auto", text)
	}
	if s.Index < 1 || s.Index > s.Count {
		return Shard{}, fmt.Errorf("%q: machine %d of %d; the first is 1", text, s.Index, s.Count)
	}
	return s, nil
}
