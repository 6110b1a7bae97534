package command

// FileKeys and CommandLineOnly are the table of settings.
var FileKeys, CommandLineOnly = fileKeys, commandLineOnly

// EditFlags lists the names of the flags.
func EditFlags() (names []string) {
	for _, f := range editFlags() {
		names = append(names, f.Names()[0])
	}
	return names
}

// ParseConfig gives the keys of a settings file.
func ParseConfig(data []byte) (keys []string, err error) {
	entries, err := parseConfig(data)
	for _, e := range entries {
		keys = append(keys, e.key)
	}
	return keys, err
}
