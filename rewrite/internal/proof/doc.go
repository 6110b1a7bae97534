// Package proof decides how much of a polling site may be rewritten.
//
// It takes a site and gives either the reason why a stronger rewrite must not be made, or what
// comes in its place: [Gate] for the clock, [CollapseOf] for the whole loop. Each proof begins
// with its safety argument. What is not understood is refused. It never edits.
package proof
