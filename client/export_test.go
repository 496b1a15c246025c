package client

// StartFake starts the fake cluster for examples.
func StartFake(nodes int) (endpoints []string, stop func()) {
	c := newFakeCluster(nodes)
	return c.endpoints(), c.close
}
