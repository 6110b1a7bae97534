package patch

// probe finds out whether go-diff would match a with b in reasonable time. It searches
// for the length of the shortest edit (Myers 1986, the algorithm behind go-diff as
// well), counts its steps, and is not ok as soon as they are more than limit.
func probe(a, b []int32, limit int) (length, steps int, ok bool) {
	// far[zero+k] is how far into a the best path on diagonal k has come, where k
	// is the index in a less the index in b.
	zero := len(b) + 1
	far := make([]int32, len(a)+len(b)+3)
	for i := range far {
		far[i] = -1
	}
	far[zero+1] = 0

	for d := 0; d <= len(a)+len(b); d++ {
		// Diagonals beyond the sides' lengths lead nowhere; -d and d have the
		// parity that every other diagonal is visited with.
		low, high := -d, d
		if over := d - len(b); over > 0 {
			low += 2 * ((over + 1) / 2)
		}
		if over := d - len(a); over > 0 {
			high -= 2 * ((over + 1) / 2)
		}
		for k := low; k <= high; k += 2 {
			x := int(far[zero+k-1]) + 1
			if k == -d || k != d && far[zero+k-1] < far[zero+k+1] {
				x = int(far[zero+k+1])
			}
			start := x
			for y := x - k; x < len(a) && y < len(b) && a[x] == b[y]; y++ {
				x++
			}
			far[zero+k] = int32(x)
			steps += 1 + x - start
			if x >= len(a) && x-k >= len(b) {
				return d, steps, true
			}
		}
		if steps > limit {
			return 0, steps, false
		}
	}
	return 0, steps, false
}
