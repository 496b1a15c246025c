package server

import "testing"

// TestConnectionsAllowed: the API leaves files to the rest of the node.
func TestConnectionsAllowed(t *testing.T) {
	files, known := filesAllowed()
	switch got := connectionsAllowed(); {
	case got < 1 || got > connectionsMax:
		t.Errorf("%d", got)
	case known && files > 1 && got > files/2:
		t.Errorf("%d connections of %d files", got, files)
	case known && files >= 2*connectionsMax && got != connectionsMax:
		t.Errorf("%d connections although %d files are allowed", got, files)
	}
}
