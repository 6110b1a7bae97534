// Package version says which version of etcdmod this is.
package version

// Version is the version of etcdmod, as it stands in the header of every generated
// file. A release changes it here and nowhere else.
const Version = "v0.1.0"
