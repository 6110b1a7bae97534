package flow

import (
	"cmp"
	"go/types"
	"slices"
)

// Bearers.
//
// A value that has interfaces in it, and is in one itself, bears what is in these to whoever looks into it.

// borne adds the meetings of what bearers bring to a meeting: what they have is seen as closely as they are.
func borne(f *Flow, from *origins, reaches func(t types.Type, in, to *types.Interface) bool) {
	inside := memoized(func(t types.Type) []*types.Interface { return f.interfacesIn(t, calls) })
	has := memoized(func(p [2]types.Type) bool { return has(p[0], p[1].(*types.Interface)) })
	// Most of them have nothing that counts.
	counted := map[types.Type]bool{}
	if f.mutex != nil && len(f.boxes.from) > 0 {
		counted[f.mutex] = true
	}
	for _, k := range f.looks.kept {
		counted[k.t] = true
	}
	for _, i := range f.looks.named {
		counted[i.t] = true
	}
	if len(counted) == 0 {
		return
	}
	var bearers []bearer
	done := map[bearer]bool{}
	bears := func(b bearer) bool {
		return slices.ContainsFunc(inside(b.t), func(i *types.Interface) bool {
			for t := range counted {
				if i.NumMethods() == 0 || t != b.t && has([2]types.Type{t, i}) {
					return true
				}
			}
			return false
		})
	}
	for again := true; again; {
		again = false
		for b := range f.looks.bearers {
			if !done[b] && bears(b) {
				again = again || !counted[b.t]
				done[b], counted[b.t] = true, true
				bearers = append(bearers, b)
			}
		}
	}
	slices.SortFunc(bearers, func(a, b bearer) int {
		return cmp.Or(cmp.Compare(types.TypeString(a.t, nil), types.TypeString(b.t, nil)), cmp.Compare(types.TypeString(a.iface, nil), types.TypeString(b.iface, nil)))
	})
	name := memoized(func(i *types.Interface) string { return types.TypeString(i, nil) })
	// There may be thousands of them, and more meetings. What one brings is new once, and meetings of the
	// same kind bring the same, so most pairs need no look.
	type seeing struct {
		t   types.Type
		how look
	}
	seenIn := memoized(func(s seeing) []*types.Interface {
		if s.how < members {
			return keysIn(f, s.t)
		}
		return f.interfacesIn(s.t, s.how)
	})
	left := memoized(func(look) *[]bearer { all := slices.Clone(bearers); return &all }) // who may bring something new
	type told struct {
		how   look
		iface string
	}
	known, met := map[told]bool{}, map[string]bool{}
	for at := 0; at < len(f.looks.meetings); at++ { // it grows
		m := f.looks.meetings[at]
		if m.look < surface {
			continue
		}
		kind := from.kind(m)
		if met[kind] {
			continue
		}
		met[kind] = true
		list := left(m.look)
		*list = slices.DeleteFunc(*list, func(b bearer) bool {
			fresh := slices.DeleteFunc(slices.Clone(seenIn(seeing{b.t, m.look})), func(i *types.Interface) bool { return known[told{m.look, name(i)}] })
			if len(fresh) == 0 {
				return true
			}
			if !from.brings(m, b.t, func(to *types.Interface) bool { return reaches(b.t, b.iface, to) }) {
				return false
			}
			for _, inner := range fresh {
				known[told{m.look, name(inner)}] = true
				f.looks.meetings = append(f.looks.meetings, meeting{m.look, inner, m.who, m.at, origin{}})
			}
			return true
		})
	}
}
