// Package loop finds the tries for a lock and what repeats them.
package loop
