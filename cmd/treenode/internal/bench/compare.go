package bench

// Ratio compares a row of two targets: how many times better the first is.
type Ratio struct {
	Row string `json:"row"`
	// PerSecond is the first's rate over the second's, Latency the second's
	// p50 over the first's. 0 where one of them has none.
	PerSecond float64 `json:"per_second"`
	Latency   float64 `json:"latency"`
	// AtLeast: the second gave no answer in time, so both are lower bounds.
	AtLeast bool `json:"at_least,omitempty"`
}

// Compare compares the rows that both targets have. Where the second gave no
// answer in time, that time stands for its latency.
func Compare(first, second Result) []Ratio {
	others := map[string]Row{}
	for _, r := range second.Rows {
		others[r.Row] = r
	}
	var all []Ratio
	for _, a := range first.Rows {
		b, found := others[a.Row]
		if !found || a.Skipped || b.Skipped || a.LongerThanMillis > 0 {
			continue
		}
		r := Ratio{Row: a.Row}
		if b.LongerThanMillis > 0 {
			r.AtLeast = true
			b.P50Millis = b.LongerThanMillis
			b.PerSecond = 1000 / b.LongerThanMillis * float64(b.Clients)
		}
		if b.PerSecond > 0 {
			r.PerSecond = a.PerSecond / b.PerSecond
		}
		if a.P50Millis > 0 {
			r.Latency = b.P50Millis / a.P50Millis
		}
		all = append(all, r)
	}
	return all
}
