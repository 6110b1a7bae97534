package gocmd

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"etcdmod/internal/goenv"
)

// An address is where modules come from, as a setting has it, and as it may be shown.
type address struct{ secret, shown string }

// addresses returns those of the settings of the user that have more than a host: a path may be
// a token as well as a password is. Whatever a go command prints of them, a repository can make it
// print: it need only ask for a version that there is not.
func (r Runner) addresses() (out []address) {
	get := goenv.Setting(r.Env)
	for _, key := range []string{"GOPROXY", "GOSUMDB"} {
		for _, text := range strings.FieldsFunc(get(key), func(c rune) bool { return strings.ContainsRune(",| \t", c) }) {
			text = strings.TrimRight(text, "/")
			u, err := url.Parse(text)
			if err != nil || u.Host == "" {
				continue
			}
			shown := u.Scheme + "://" + u.Host
			anybody := *u
			anybody.User = nil
			for _, secret := range []string{text, u.String(), u.Redacted(), anybody.String()} {
				if secret != shown {
					out = append(out, address{secret, shown})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b address) int { return len(b.secret) - len(a.secret) })
	return out
}

// userinfo is the user and the password of an address in a message, such as one of git's.
var userinfo = regexp.MustCompile(`(://)[^/\s@'"]+@`)

// conceal takes out of what a command has printed what of an address is the user's alone.
func (r Runner) conceal(stdout, stderr []byte) (out, errs []byte) {
	for _, a := range r.addresses() {
		for _, text := range []*[]byte{&stdout, &stderr} {
			if bytes.Contains(*text, []byte(a.secret)) { // it may be long
				*text = bytes.ReplaceAll(*text, []byte(a.secret), []byte(a.shown))
			}
		}
	}
	return stdout, userinfo.ReplaceAll(stderr, []byte("$1"))
}
