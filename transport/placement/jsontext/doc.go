// Package jsontext reads JSON the way clients of the Placement API are used to
// being corrected: members keep their order, the last of repeated names wins,
// and a syntax error says what was expected at which line and column. Depth is
// limited; text must be valid UTF-8. It writes JSON in the spacing and ASCII
// form that clients know which compare raw text.
package jsontext
