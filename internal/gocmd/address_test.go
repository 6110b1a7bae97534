package gocmd

import "testing"

func TestConceal(t *testing.T) {
	r := Runner{Dir: "/", Env: []string{
		"GOENV=off", "GOPROXY=https://user:pa%20ss@proxy.example.com/token/,http://plain.example.com|direct", "GOSUMDB=sum.example.com+1+k https://sums.example.com/secret",
	}}
	for in, want := range map[string]string{
		"reading https://user:pa%20ss@proxy.example.com/token/m/@v/list: 404": "reading https://proxy.example.com/m/@v/list: 404",
		"reading https://user:xxxxx@proxy.example.com/token/m/@v/list: 404":   "reading https://proxy.example.com/m/@v/list: 404",
		"Get \"https://proxy.example.com/token/m\": EOF":                      "Get \"https://proxy.example.com/m\": EOF",
		"https://sums.example.com/secret/latest":                              "https://sums.example.com/latest",
		"http://plain.example.com/m https://other.example.com/token":          "http://plain.example.com/m https://other.example.com/token",
	} {
		if out, errs := r.conceal([]byte(in), []byte(in)); string(out) != want || string(errs) != want {
			t.Errorf("%s: %s, %s", in, out, errs)
		}
	}
	const git = "fatal: could not read from 'https://oauth2:secret@git.example.com/x.git'"
	if _, errs := r.conceal(nil, []byte(git)); string(errs) != "fatal: could not read from 'https://git.example.com/x.git'" {
		t.Errorf("%s", errs)
	}
}
