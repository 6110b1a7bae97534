// Package journal writes a set of files of one module all or nothing, also
// when the process is killed half way.
//
// It takes the directory of the module and, for every file, the content that
// the change was computed from and the content to write. It gives a tree that
// is as before or as after, or an error that says what is left to do. It never
// overwrites content that it was not told about, never writes outside the
// directory, and never waits for another run to end.
//
// # How
//
//  1. Lock. The journal, a file with one fixed name ([Name]) in the directory,
//     is created and locked. The lock belongs to the open file, so that the
//     kernel drops it with a killed process.
//  2. Check. Every target must have the old content, be a regular file with one
//     name, be writable, and lie below the directory once its symbolic links
//     are resolved.
//  3. Prepare. The record "prepare", which names all that is going to be made,
//     is appended to the journal and synced; then missing directories are made
//     and the new contents are written to temporary files beside their targets
//     and synced. A full disk and a read-only directory show here.
//  4. Commit. The targets are checked again, then the record "commit" is
//     appended and synced. Before this point a killed run is undone, after it
//     a killed run is finished.
//  5. Publish. Each temporary file is renamed over its target, which gets another name
//     first, so that what was replaced can be looked at once more and be put back.
//  6. The directories are synced and the journal is removed.
//
// # Why the journal is appended to
//
// A record is one line that carries its own checksum, and nothing that depends
// on a record happens before the record is synced. A line that is cut off
// therefore means that what it announces has not begun. This needs no second
// file, and the file that is locked stays the file that has the name.
//
// # What is read back
//
// Whoever can write into a tree can put a journal there, and so can a repository. So a record
// carries a sum that only a key of this user makes, which package vouch keeps elsewhere, and
// a journal that git tracks is none. One without that is named and nothing of it is done. No
// target is in a git directory, whoever vouches for it.
//
// # When publishing fails
//
// A rename can fail after others were done: the target is a mount point, a
// directory was made read-only a moment ago, a person saved the file. Then the
// run goes back instead of leaving a half written tree, since what made the
// rename fail may well stay. The old contents of what was already replaced are
// still in memory; they are written and synced as temporary files first, then
// the record "undo" is appended, and only then are they renamed back. So going
// back survives a kill as well. Only when the old contents cannot be written
// either does the journal stay ([ErrPending]), and [Recover] goes forward.
//
// # What is kept
//
// A symbolic link stays a link: the file it leads to is replaced. Permission
// bits are kept. Owner and group are kept where the system allows; where it does
// not, set-user-ID and set-group-ID are dropped. Access control lists and
// extended attributes are not carried over. A file with several hard links is
// refused, since replacing one name would cut it off from the others.
//
// On systems and file systems without file locks the existence of the journal is
// the lock: there [Recover] cannot tell a killed run from a live one, and it
// is for the caller to know that no other run is active.
package journal
