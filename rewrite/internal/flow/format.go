package flow

import "strings"

// A verb is what a format has for one argument.
type verb struct {
	flags  string
	letter byte // '*' for an argument that is a width or a precision
}

// verbs returns the verbs of a format by the argument that they are for, from 0 on. It reports
// false where package fmt would complain about the format itself.
func verbs(format string) (all map[int][]verb, ok bool) {
	all = map[int][]verb{}
	arg := 0
	take := func(v verb) {
		all[arg] = append(all[arg], v)
		arg++
	}
	for {
		_, rest, found := strings.Cut(format, "%")
		if !found {
			return all, true
		}
		width := strings.TrimLeft(rest, "#0+- ")
		flags := rest[:len(rest)-len(width)]
		for rest = width; rest != "" && strings.IndexByte("[*.0123456789", rest[0]) >= 0; {
			switch rest[0] {
			case '[':
				number, after, closed := strings.Cut(rest[1:], "]")
				n := 0
				for _, d := range []byte(number) {
					if d < '0' || d > '9' || n > 1000 {
						return nil, false
					}
					n = 10*n + int(d-'0')
				}
				if !closed || n == 0 {
					return nil, false
				}
				arg, rest = n-1, after
			case '*':
				take(verb{letter: '*'})
				rest = rest[1:]
			default:
				rest = rest[1:]
			}
		}
		if rest == "" {
			return nil, false
		}
		if rest[0] != '%' {
			take(verb{flags, rest[0]})
		}
		format = rest[1:]
	}
}
