package rewrite

import "etcdmod/rewrite/internal/source"

// ByFirstProof and BySecondProof analyze with one of the two proofs alone.
func ByFirstProof(in *source.Input) *Plan  { return analyzeBy(in, firstProof) }
func BySecondProof(in *source.Input) *Plan { return analyzeBy(in, secondProof) }
