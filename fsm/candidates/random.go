package candidates

// random is the splitmix64 generator: small, and the same everywhere.
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is a number from 0 to n-1. The bias for lists far shorter than 2^64 is
// of no account.
func (r *random) below(n int) int {
	return int(r.next() % uint64(n)) //nolint:gosec // lengths are positive
}

// mix puts the list in a random order.
func mix[T any](r *random, list []T) {
	for i := len(list) - 1; i > 0; i-- {
		j := r.below(i + 1)
		list[i], list[j] = list[j], list[i]
	}
}
