package bump

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"etcdmod/internal/bump/gosum"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/importpath"
	"etcdmod/internal/verify"
	"etcdmod/modbump"
)

// refusal gives what the go command said about a bump as a refusal. It returns the errors
// that say nothing about it.
// without repeats what failed with the go.mod as it is, and gives the error.
func (a *attempt) refusal(ctx context.Context, err error, without func() error) (*Refusal, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, gocmd.ErrNoGo) {
		return nil, err
	}
	why := &Refusal{Code: gosum.Reason(err), Detail: a.Local(err.Error())}
	var incomplete *gosum.IncompleteError
	var untidy *gosum.UntidyError
	var gone *gosum.UnavailableError
	var sum *gosum.ChecksumError
	switch {
	case errors.As(err, &sum):
		if len(a.bumps) > 0 && errors.As(without(), &sum) {
			why.Detail = a.Local("without the bump as well " + sum.Error())
			if old := modbump.BlameChecksum(a.GoMod, module.Version{Path: sum.Path, Version: sum.Version}); old != "" {
				why.Detail += "; " + old
			}
		}
	case errors.As(err, &gone):
		why.Code = modbump.BlameMissing(gone.Detail)
		if len(a.bumps) > 0 && errors.As(without(), &gone) {
			why.Code, why.Detail = finding.UnavailableBefore, a.Local("without the bump as well "+gone.Error())
		}
	case errors.As(err, &incomplete):
		why.Wanted = incomplete.Wanted
	case errors.As(err, &untidy):
		why.Code, why.Wanted = gosum.ReasonIncomplete, untidy.Wanted
	case errors.Is(err, errUnsettled):
		why.Code = gosum.ReasonIncomplete
	case why.Code == "":
		why.Code, why.Detail = finding.DoesNotLoad, a.Local(goSaid(err))
		if modbump.BlameMissing(why.Detail) == modbump.NeedsNewerGo {
			why.Code = modbump.NeedsNewerGo
		}
	}
	return why, nil
}

// completed is the error of completing the go.sum without the bumps.
func (a *attempt) completed(ctx context.Context) error {
	_, _, err := gosum.Complete(ctx, a.Go, a.GoMod, a.oldSum)
	return err
}

// broken refuses what does not build. A client of which a package did not compile before says
// nothing about the bump, whatever else is wrong now with it and with what it imports.
func (a *attempt) broken(v verify.Judgement) *Refusal {
	client := func(p finding.Problem) bool {
		mod, ok := modbump.ModuleOf(p.Package)
		return ok && slices.ContainsFunc(a.bumps, func(b Bump) bool { return b.Module == mod })
	}
	own := func(p finding.Problem) bool { return importpath.Within(p.Package, a.Path) }
	before := slices.IndexFunc(v.Old, client)
	for _, p := range v.Problems {
		if before < 0 || own(p) {
			a.failed = v.Problems
			return a.advise(&Refusal{Code: finding.DoesNotBuild, Detail: a.Located(p).String()})
		}
	}
	for _, p := range v.Old {
		still := len(v.Problems) > 0 || slices.ContainsFunc(v.Still, func(s finding.Problem) bool { return s.Package == p.Package })
		if client(p) && still {
			return a.advise(a.unbuilt(a.Located(p).String()))
		}
	}
	return nil
}

// unbuilt refuses what did not build before.
func (a *attempt) unbuilt(said string) *Refusal {
	return &Refusal{Code: finding.DidNotBuild, Detail: a.Local(said)}
}

// rejected refuses a go.mod that the go command does not take as it is, without the bumps. err
// is what it said of the edited one.
func (a *attempt) rejected(ctx context.Context, err error) *Refusal {
	var untidy *gosum.UntidyError
	switch {
	case ctx.Err() != nil || errors.Is(err, gocmd.ErrNoGo) || gosum.Reason(err) != "":
		return nil // the error says more
	case errors.As(a.asIs, &untidy):
		return &Refusal{Code: finding.GoModRejected, Detail: "the go command does not build with this go.mod: " + modbump.BlameUntidy(a.GoMod, untidy.Wanted)}
	case a.asIs != nil:
		err = a.asIs
	}
	said := goSaid(err)
	advice := modbump.Blame(a.GoMod, said)
	switch {
	case advice != "":
		said += "; " + advice
	case a.asIs == nil:
		return nil // the bump may be to blame
	}
	return &Refusal{Code: finding.GoModRejected, Detail: a.Local(said)}
}

// goSaid gives the words of the go command in one line, without what it told of its progress.
func goSaid(err error) string {
	var cmd *gocmd.Error
	if !errors.As(err, &cmd) || cmd.Stderr == "" {
		return err.Error()
	}
	var said []string
	for line := range strings.Lines(cmd.Stderr) {
		progress := slices.ContainsFunc([]string{"go: downloading ", "go: finding ", "go: found "}, func(p string) bool { return strings.HasPrefix(line, p) })
		if !progress {
			said = append(said, strings.Fields(line)...)
		}
	}
	return strings.Join(said, " ")
}

// advise adds what of go.mod would make the bumps build, where that is known.
func (a *attempt) advise(why *Refusal) *Refusal {
	for _, b := range a.bumps {
		if line, fits, pin := modbump.GRPC(b.to(), a.grpc()); !fits && pin != "" {
			why.Detail += "\n" + line
		}
	}
	return why
}
