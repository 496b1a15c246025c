package client

import (
	"testing"
	"time"
)

func TestJoinTokens(t *testing.T) {
	_, c := start(t, 1)
	made, err := c.MakeJoinToken(t.Context(), "n4", time.Minute)
	if err != nil || made.Token != "tnj-0123-secret" || made.Node != "n4" {
		t.Errorf("made %+v, %v", made, err)
	}
	list, err := c.JoinTokens(t.Context())
	if err != nil || len(list.Tokens) != 1 || list.Tokens[0].UsedBy != "n4@a" {
		t.Errorf("listed %+v, %v", list, err)
	}
	if err := c.RevokeJoinToken(t.Context(), "0123"); err != nil {
		t.Error(err)
	}
}
