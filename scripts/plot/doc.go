// Command plot draws how cost grows with size, as an SVG, from what
// "treenode bench --workload scale" has saved.
//
//	treenode bench --workload scale --sizes 1000,10000,100000,1000000 --save scale.json
//	go run ./scripts/plot scale.json > docs/scale.svg
//
// Known limits: median latency of the first target only.
package main
