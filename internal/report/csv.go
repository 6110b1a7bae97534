package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"etcdmod/internal/quote"
)

// csvHeader names the columns. New ones are added behind these.
var csvHeader = []string{
	"type", "module", "unit", "owners", "state", "rule", "path", "line", "col", "package", "func",
	"tier", "codes", "message", "detail", "call_path", "version", "target", "differences",
}

// A csvRow is a row of [CSV], by the names of its columns.
type csvRow map[string]string

// CSV writes a header and one row for each module, finding, requirement in go.mod ("bump"),
// try of a lock that is not followed ("try"), place that was not covered ("skipped"), thing that verification said ("problem") and finding
// that a comment ignores ("ignored"), and for what no module has ("note"), as RFC 4180 has it.
// Lists in a cell are separated by "; ", names by spaces. A cell that a spreadsheet would take
// for a formula begins with an apostrophe, which spreadsheets do not show.
func CSV(w io.Writer, page Page) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(csvHeader); err != nil {
		return err
	}
	write := func(row csvRow) error {
		cells := make([]string, len(csvHeader))
		for i, name := range csvHeader {
			cells[i] = quote.Cell(row[name])
		}
		return out.Write(cells)
	}
	for _, m := range page.Modules {
		if err := write(csvRow{"type": "module", "module": m.Path, "path": m.Dir, "state": string(m.State), "detail": m.Reason}); err != nil {
			return err
		}
	}
	for _, u := range page.Units {
		for _, row := range u.rows() {
			row["module"], row["unit"], row["state"] = u.Module, u.Name, string(u.State)
			row["owners"] = strings.Join(u.Owners, " ")
			if err := write(row); err != nil {
				return err
			}
		}
	}
	for _, n := range page.Notes {
		if err := write(csvRow{"type": "note", "path": n.Path, "detail": n.Detail}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (u Unit) rows() []csvRow {
	var rows []csvRow
	for _, f := range u.Findings {
		rows = append(rows, f.row())
	}
	for _, f := range u.Ignored {
		row := f.row()
		row["type"], row["detail"] = "ignored", f.Ignored
		rows = append(rows, row)
	}
	for _, t := range u.Lost {
		rows = append(rows, csvRow{
			"type": "try", "path": t.Path, "line": number(t.Line), "col": number(t.Col), "package": t.Package, "func": t.Func,
			"codes": t.Verdict, "message": t.said(),
		})
	}
	for _, s := range u.Skipped {
		row := csvRow{"type": "skipped", "path": s.Path, "codes": s.Reason, "detail": s.Detail, "line": number(s.Line), "col": number(s.Col)}
		if s.Package != "" {
			row["path"], row["package"] = "", s.Package
		}
		rows = append(rows, row)
	}
	for _, p := range u.Problems {
		rows = append(rows, csvRow{
			"type": "problem", "path": p.Path, "line": number(p.Line), "col": number(p.Col), "package": p.Package,
			"codes": p.Phase, "message": p.Message,
		})
	}
	return rows
}

func (f Finding) row() csvRow {
	row := csvRow{
		"type": "finding", "rule": f.Rule, "path": f.Path, "line": number(f.Line), "col": number(f.Col),
		"package": f.Package, "func": f.Func, "tier": f.Tier, "message": f.Message,
	}
	var codes, details, calls []string
	for _, r := range f.reasons() {
		codes = append(codes, r.Code)
		text := r.text()
		if r.At != "" {
			text += " (" + r.At + ")"
		}
		details = append(details, text)
	}
	for _, frame := range f.CallPath {
		calls = append(calls, frame.At+" "+frame.Call)
	}
	if f.Bump != nil {
		row["type"], row["version"], row["target"] = "bump", f.Bump.Module+"@"+f.Bump.Version, f.Bump.Target
		for _, c := range f.Bump.Calls {
			calls = append(calls, c.At+" "+c.text())
		}
	}
	var differences []string
	for _, d := range f.Differences {
		differences = append(differences, d.Kind+": "+d.Text+" ("+d.At+")")
	}
	row["differences"] = strings.Join(differences, "; ")
	row["codes"], row["detail"], row["call_path"] = strings.Join(codes, " "), strings.Join(details, "; "), strings.Join(calls, "; ")
	return row
}

// number is n, or nothing where it is not known.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
