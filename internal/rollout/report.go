package rollout

import (
	"io"

	"etcdmod/internal/report"
	"etcdmod/internal/rooted"
)

// reports are the files with reports in the output directory, in the order in which they are
// written.
var reports = []struct {
	name   string
	render func(io.Writer, report.Page) error
}{
	{"report.csv", report.CSV},
	{"report.sarif", report.SARIF},
	{"report.html", report.HTML},
}

func reportFiles() (names []string) {
	for _, r := range reports {
		names = append(names, r.name)
	}
	return names
}

// WriteReports writes the reports of an index into the output directory of its run, for
// people, for code scanning and for spreadsheets. topics explain the rules and codes.
func (x *Index) WriteReports(dir string, topics []report.Topic) error {
	page := x.Page(dir)
	page.Topics = topics
	d, err := rooted.Open(dir)
	if err != nil {
		return &outputError{err}
	}
	defer d.Close()
	o := &output{d}
	for _, r := range reports {
		if err := o.create(r.name, func(w io.Writer) error { return r.render(w, page) }); err != nil {
			return err
		}
	}
	return nil
}
