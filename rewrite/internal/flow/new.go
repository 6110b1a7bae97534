package flow

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// New reads each file with the types of every configuration that has it.
func New(p *source.Program, configs []*source.Program) *Flow {
	f := &Flow{
		p:        p,
		objects:  map[token.Pos]*node{},
		types:    map[token.Pos]*node{},
		carries:  map[types.Type]bool{},
		brought:  map[*source.File]map[string]suspicion{},
		holds:    map[look]map[types.Type][]types.Object{},
		outside:  map[types.Object]*node{},
		methods:  map[string]namedMethod{},
		generics: newGenerics(),
		looks:    looks{linked: map[token.Pos]bool{}},
		ignored:  unreadUsers(p, p.In.Ignored),

		components: map[*node]*Component{},
	}
	observer{&walker{Flow: f}}.pulled()
	for _, config := range configs {
		for _, fl := range config.Files {
			f.looks.places.read(p, fl)
			f.looks.catchers.read(p, fl)
			f.looks.parts.read(fl)
		}
	}
	for _, config := range configs {
		for _, fl := range config.Files {
			if fl.IsHelper() {
				continue
			}
			r := reader{&walker{Flow: f, file: fl}}
			observer(r).linked()
			ast.Inspect(fl.Syntax, r.visit)
		}
	}
	f.embedding()
	f.foreignInterfaces()
	f.through()
	unread{f}.looks()
	f.met(borne)
	unread{f}.abroad()
	f.settle()
	f.patch()
	for _, n := range f.roots() {
		f.spread(n, nil, map[*node]bool{})
	}
	return f
}
