package tree

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// product is int(n*r) as a double's arithmetic does it, and false where the
// result does not fit.
func product(n int64, r float64) (int64, bool) {
	f := float64(n) * r
	if !(f < 1<<63) {
		return 0, false
	}
	return int64(f), true
}

func sameProduct(t *testing.T, n int64, r float64) {
	t.Helper()
	want, fits := product(n, r)
	if !fits {
		want = math.MaxInt64
	}
	if got := RatioOf(r).times(n); got != want {
		t.Errorf("%d * %v (%#x) = %d, want %d", n, r, math.Float64bits(r), got, want)
	}
}

var awkwardRatios = []float64{
	0, 1, 0.1, 0.2, 0.29, 0.3, 0.7, 1.1, 1.5, 2, 3.3, 16, 0.999999999999999, math.Nextafter(1, 0), math.Nextafter(1, 2),
	1e-300, 1e-9, 1.0 / amountMax, 1 << 20, 1 << 22, 1 << 32, 1e15, 1 << 52, 1 << 53, 1 << 62, 1 << 63, 1e19, 3.4e38, 3.4028234663852886e38,
	math.MaxFloat64, math.SmallestNonzeroFloat64, math.Float64frombits(1<<52 - 1), math.Float64frombits(1 << 52), math.Float64frombits(3),
}

var awkwardAmounts = []int64{
	0, 1, 2, 3, 7, 10, 99, 100, 101, 1000, 1<<16 - 1, 1 << 16, 1<<30 + 1, amountMax - 1, amountMax, 1 << 32, 1<<52 + 1, 1<<53 - 1,
}

func TestRatioTimesIsTheProductOfDoubles(t *testing.T) {
	for _, r := range awkwardRatios {
		for _, n := range awkwardAmounts {
			sameProduct(t, n, r)
		}
	}
	const seed = 20240229
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 1_000_000 {
		n := rng.Int64N(amountMax + 1)
		if rng.IntN(8) == 0 {
			n = rng.Int64N(1 << 53)
		}
		var r float64
		switch rng.IntN(5) {
		case 0: // any bits
			if r = math.Float64frombits(rng.Uint64() &^ (1 << 63)); math.IsNaN(r) || math.IsInf(r, 0) {
				continue
			}
		case 1: // as people write them
			r = float64(rng.IntN(100_000)) / 1000
		case 2: // near the product's rounding to a whole number
			r = float64(rng.Int64N(1<<32)) / float64(max(n, 1))
		case 3: // few bits, which makes ties
			r = math.Ldexp(float64(rng.IntN(1<<30)), rng.IntN(60)-40)
		default:
			r = awkwardRatios[rng.IntN(len(awkwardRatios))]
		}
		sameProduct(t, n, r)
		if t.Failed() {
			return
		}
	}
}

// The float unit is not the only witness: arbitrary precision, rounded once to
// 53 bits, gives the same.
func TestRatioTimesIsRoundedOnce(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		n, r := rng.Int64N(1<<53), math.Ldexp(rng.Float64(), rng.IntN(80)-60)
		exact := new(big.Float).SetPrec(53).SetMode(big.ToNearestEven)
		exact.Mul(new(big.Float).SetInt64(n), big.NewFloat(r))
		if want, _ := exact.Int64(); want != math.MaxInt64 {
			if got := RatioOf(r).times(n); got != want {
				t.Fatalf("%d * %v = %d, want %d", n, r, got, want)
			}
		}
	}
}

func TestCapacity(t *testing.T) {
	for _, c := range []struct {
		inventory InventoryOf
		want      int64
	}{
		{inv("VCPU", 100, ratio(0.29)), 28}, // 28.999999999999996
		{inv("VCPU", 10, ratio(1.1)), 11},
		{inv("VCPU", 3, ratio(1.1)), 3},
		{inv("VCPU", 8, ratio(16), reserved(1)), 112},
		{inv("VCPU", 8, reserved(8)), 0},
		{inv("VCPU", amountMax, ratio(3.4e38)), math.MaxInt64},
		{inv("VCPU", amountMax, ratio(1e-300)), 0},
	} {
		equal(t, "capacity", c.inventory.Capacity(), c.want)
	}
}

// A claim is held against the capacity as it is presented, to the last unit.
func TestClaimsFillTheCapacityExactly(t *testing.T) {
	for _, i := range []InventoryOf{
		inv("VCPU", 100, ratio(0.29)), inv("VCPU", 10, ratio(1.1)), inv("VCPU", 1000, ratio(16), reserved(3)), inv("VCPU", 7, ratio(0.7)),
	} {
		s := grow(t, sample(t), setInventories("host", i))
		full := grow(t, s, take(absent, of("host", "VCPU", i.Capacity())))
		equal(t, "used", used(t, full, "host", "VCPU"), i.Capacity())
		equal(t, "one more", refused(t, s, take(absent, of("host", "VCPU", i.Capacity()+1))).Code, CodeCapacityExceeded)
		equal(t, "another", refused(t, full, take(absent+1, of("host", "VCPU", 1))).Code, CodeCapacityExceeded)
	}
}

func FuzzRatioTimes(f *testing.F) {
	for _, r := range awkwardRatios {
		f.Add(int64(amountMax), math.Float64bits(r))
	}
	f.Fuzz(func(t *testing.T, n int64, bits uint64) {
		if r := Ratio(bits); r.valid() && n >= 0 && n < 1<<53 {
			sameProduct(t, n, r.Float64())
		}
	})
}
