package rollout

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"etcdmod/internal/owners"
)

// Unowned is the key of files without an owner.
const Unowned = "unowned"

// check reports what makes no sense.
func (o *Options) check() error {
	switch o.By {
	case ByModule, ByOwner, ByDir:
		if len(o.Services) > 0 {
			return fmt.Errorf("patterns of services mean nothing by %s; want by %s", o.By, ByService)
		}
	case ByService:
		if len(o.Services) == 0 {
			return fmt.Errorf("by %s: no pattern says which directories are services", o.By)
		}
		for _, p := range o.Services {
			if !doublestar.ValidatePattern(p) || path.IsAbs(p) {
				return fmt.Errorf("%q is not the pattern of a directory below the root of the repository", p)
			}
		}
	default:
		return fmt.Errorf("by %q: want %s, %s, %s or %s", o.By, ByModule, ByOwner, ByDir, ByService)
	}
	return nil
}

// key gives what a file belongs to. rel is its path relative to the root of the repository,
// module that of its module.
func (o *Options) key(rel, module string) string {
	switch o.By {
	case ByOwner:
		names := ownerNames(o.Owners, rel)
		if len(names) == 0 {
			return Unowned
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	case ByDir:
		return path.Dir(rel)
	case ByService:
		// The deepest one: a service within a service is on its own.
		for dir := path.Dir(rel); dir != "."; dir = path.Dir(dir) {
			for _, pattern := range o.Services {
				if doublestar.MatchUnvalidated(strings.TrimSuffix(pattern, "/"), dir) {
					return dir
				}
			}
		}
	}
	return module
}

func ownerNames(file *owners.File, rel string) (out []string) {
	for _, o := range file.Of(rel) {
		out = append(out, o.Name)
	}
	return out
}
