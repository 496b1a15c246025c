// Package monitoring checks what is handed to Prometheus and Grafana: that every
// query of docs/monitoring is PromQL, that each metric and label in it is one that
// the program has, and that every alert is tested and described.
//
// It is a module of its own because of Prometheus' parser, which the product must
// not depend on. That the alerts fire when they should is tested by promtool, with
// docs/monitoring/alerts_test.yml.
package monitoring
