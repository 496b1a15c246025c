package tree

import (
	"math"
	"math/bits"
)

// Ratio is an allocation ratio: the bits of an IEEE 754 double. It is kept and
// compared as bits; capacities are computed in integers (see times), so that
// no replica's floating-point unit has a say.
type Ratio uint64

// One is the ratio 1.0.
const One Ratio = 0x3ff0000000000000

// RatioOf is the ratio of a float that came from a request.
func RatioOf(f float64) Ratio { return Ratio(math.Float64bits(f)) }

// Float64 is the ratio as a float, for presentation.
func (r Ratio) Float64() float64 { return math.Float64frombits(uint64(r)) }

// valid reports whether the ratio is finite and not negative.
func (r Ratio) valid() bool {
	return r>>63 == 0 && r>>52 < 0x7ff
}

// times returns floor(n*r), where the product is rounded to a double first,
// exactly as int(n*r) is in the Placement service: int(100*0.29) is 28 there
// (28.999999999999996), and has to be here. n must be in [0, 2^53). Results
// over math.MaxInt64 saturate.
func (r Ratio) times(n int64) int64 {
	exp := int(r >> 52 & 0x7ff)
	mant := uint64(r) & (1<<52 - 1)
	if exp == 0 {
		exp = 1 // subnormal
	} else {
		mant |= 1 << 52
	}
	exp -= 1075 // value = mant * 2^exp
	if n <= 0 || mant == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), mant)
	length := bits.Len64(lo)
	if hi != 0 {
		length = 64 + bits.Len64(hi)
	}
	if over := length - 53; over > 0 { // round half to even at 53 bits
		q := shiftRight(hi, lo, over)
		restHi, restLo := lowBits(hi, lo, over)
		halfHi, halfLo := bitAt(over - 1)
		switch {
		case restHi > halfHi || restHi == halfHi && restLo > halfLo,
			restHi == halfHi && restLo == halfLo && q&1 == 1:
			q++
		}
		lo = q
		exp += over
	}
	switch {
	case exp >= 0:
		if exp > 63 || bits.Len64(lo)+exp > 63 {
			return math.MaxInt64
		}
		return int64(lo << exp) //nolint:gosec // 63 bits at most
	case exp <= -64:
		return 0
	}
	return int64(lo >> -exp) //nolint:gosec // 53 bits at most
}

func shiftRight(hi, lo uint64, n int) uint64 {
	if n >= 64 {
		return hi >> (n - 64)
	}
	return hi<<(64-n) | lo>>n
}

func lowBits(hi, lo uint64, n int) (uint64, uint64) {
	if n >= 64 {
		return hi & (1<<(n-64) - 1), lo
	}
	return 0, lo & (1<<n - 1)
}

func bitAt(n int) (hi, lo uint64) {
	if n >= 64 {
		return 1 << (n - 64), 0
	}
	return 0, 1 << n
}
