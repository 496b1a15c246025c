package wire

import "time"

// JoinToken lets one new node join, until it expires. Its secret is told once, to
// whoever makes it.
type JoinToken struct {
	ID      string     `json:"id"`
	Node    string     `json:"node,omitempty"` // the node id that it is for; absent for any
	By      string     `json:"by,omitempty"`   // the user who made it
	Made    time.Time  `json:"made"`
	Expires time.Time  `json:"expires"`
	UsedBy  string     `json:"used_by,omitempty"` // the server that joined with it
	Used    *time.Time `json:"used,omitempty"`
}

// JoinTokens lists tokens, also used and expired ones for a week, sorted by id.
type JoinTokens struct {
	Tokens []JoinToken `json:"tokens"`
}

// MakeJoinToken asks for a token.
type MakeJoinToken struct {
	Node        string `json:"node,omitempty"` // the node id that it is for
	LifeSeconds int64  `json:"life_seconds"`   // from 60 to 30 days
}

// MadeJoinToken is a token with its text, which the node is started with. It is
// nowhere kept.
type MadeJoinToken struct {
	JoinToken
	Token string `json:"token"`
}
