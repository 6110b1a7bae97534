package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Settings lists what makes a difference to the result, by the names of the flags, without
// what has no value.
func (o *Options) Settings() map[string]string {
	s := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			s[name] = value
		}
	}
	list := func(name string, values []string) {
		if len(values) > 0 {
			s[name] = fmt.Sprintf("%q", values)
		}
	}
	flag := func(name string, on bool) {
		if on {
			s[name] = "true"
		}
	}
	list("packages", o.Patterns)
	set("-tags", o.Tags)
	var configs []string
	for _, c := range o.Configurations {
		configs = append(configs, c.String())
	}
	list("-config", configs)
	set("-tier", o.Tier.String())
	list("-rule", o.Only.Rules)
	list("-only-tier", o.Only.Tiers)
	list("-finding", o.Only.Findings)
	set("-strategy", o.Strategy.String())
	set("-exported-api", o.Exported.String())
	set("-helper-dir", o.HelperDir)
	set("-helper-import", o.HelperImport)
	if sum := sha256.Sum256(o.HelperHeader); len(o.HelperHeader) > 0 {
		set("-helper-header", "sha256:"+hex.EncodeToString(sum[:6]))
	}
	list("-concurrency-pkg", o.Forks)
	var targets []string
	for _, m := range o.Bump.To {
		targets = append(targets, m.String())
	}
	list("-to", targets)
	flag("-all", o.Bump.All)
	flag("-offline", o.Bump.Offline)
	flag("-tidy", o.Bump.Tidy)
	flag("-pin", o.Bump.Pin)
	if o.Edit {
		set("-vet", strconv.FormatBool(o.Vet)) // on unless it is turned off
	}
	flag("-test", o.Test)
	return s
}
