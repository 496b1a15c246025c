package raftnet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/treenode/treenode/cluster"
)

// session answers the calls of one connection.
type session struct {
	n      *Net
	link   *link
	r      *bufio.Reader
	caller string // its cluster id at the handshake

	// ctx ends with the connection. It is the parent of the handlers' contexts.
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex // for writing, and for:
	buf    []byte
	active int // requests that have begun to arrive and are not answered
}

// request is a call that has arrived.
type request struct {
	requestHeader
	body []byte
}

// serve answers calls until the connection ends. It returns when the first one
// has arrived and is answered; see next.
func (n *Net) serve(l *link, caller string) {
	s := &session{n: n, link: l, r: bufio.NewReaderSize(l, callBufferLen), caller: caller}
	s.ctx, s.cancel = context.WithCancel(n.ctx)
	if n.config.PeerName != nil {
		s.ctx = cluster.WithPeerName(s.ctx, l.PeerName())
	}
	s.idle()
	s.next()
}

// next reads one request, leaves reading on to a new goroutine, and answers
// it. So a request is answered by the goroutine that was woken by it, and the
// end of the connection is noticed while a handler runs. The caller's
// goroutine must be counted in n.running.
func (s *session) next() {
	for {
		q, refused, err := s.read()
		if err != nil {
			s.close()
			return
		}
		if refused != nil {
			if !s.answer(q.sequence, nil, refused) {
				s.close()
				return
			}
			continue
		}
		s.n.running.Go(s.next)
		s.handle(q)
		return
	}
}

func (s *session) close() {
	s.link.abort()
	s.cancel()
}

// idle sets the time until which the next request must begin to arrive.
func (s *session) idle() {
	s.link.SetReadDeadline(time.Now().Add(2 * s.n.limits.CallIdleTimeout)) //nolint:errcheck // the read that follows fails as well
}

// read takes the next request off the connection. If it is refused, its body
// is not kept; the error means that the connection is of no more use.
func (s *session) read() (q request, refused *cluster.PeerError, err error) {
	if _, err := s.r.Peek(1); err != nil {
		return q, nil, err
	}
	s.mu.Lock()
	s.active++
	s.mu.Unlock()
	if err := s.link.SetReadDeadline(time.Now().Add(s.n.limits.CallReadTimeout)); err != nil {
		return q, nil, err
	}
	if q.requestHeader, err = readRequestHeader(s.r); err != nil {
		return q, nil, err
	}
	s.n.counters.answered.Add(1)
	if q.bodyLen > cluster.CallBytesMax {
		// The rest can't be skipped: the connection ends with this answer.
		s.answer(q.sequence, nil, refusal(cluster.PeerTooLarge, "a call of %d bytes is over the limit of %d", q.bodyLen, cluster.CallBytesMax))
		return q, nil, errGarbage
	}
	if refused = s.takePlace(q.requestHeader); refused != nil {
		_, err = s.r.Discard(int(q.bodyLen))
	} else {
		q.body = make([]byte, q.bodyLen)
		if _, err = io.ReadFull(s.r, q.body); err != nil {
			s.leavePlace(q.requestHeader)
		}
	}
	if err == nil {
		err = s.link.SetReadDeadline(time.Time{})
	}
	return q, refused, err
}

// takePlace takes what a call needs before its body is read, or says why it
// is refused.
func (s *session) takePlace(h requestHeader) *cluster.PeerError {
	if refused := admit(*s.n.clusterID.Load(), s.caller, kindCall, h.verb); refused != nil {
		return refused
	}
	if h.verb == 0 {
		return refusal(cluster.PeerBadRequest, "there is no call 0")
	}
	if s.n.handler.Load() == nil {
		return refusal(cluster.PeerNotReady, "this node does not serve yet")
	}
	if !s.n.calls.take() {
		s.n.counters.busy.Add(1)
		return refusal(cluster.PeerBusy, "this node is answering %d calls already", s.n.limits.CallsMax)
	}
	if s.n.callBytes.Add(int64(h.bodyLen)) > int64(s.n.limits.CallBytesInFlightMax) {
		s.leavePlace(h)
		s.n.counters.busy.Add(1)
		return refusal(cluster.PeerBusy, "the calls that this node is answering have %d bytes already", s.n.limits.CallBytesInFlightMax)
	}
	return nil
}

func (s *session) leavePlace(h requestHeader) {
	s.n.callBytes.Add(-int64(h.bodyLen))
	s.n.calls.leave()
}

// handle answers one request.
func (s *session) handle(q request) {
	good := false // stays so if the handler ends its goroutine
	defer func() {
		if !good {
			s.close()
		}
	}()
	body, refused := s.invoke(q)
	good = s.answer(q.sequence, body, refused)
}

// invoke calls the handler.
func (s *session) invoke(q request) (body []byte, refused *cluster.PeerError) {
	// Left before the answer is out: the caller's next call finds it free.
	defer s.leavePlace(q.requestHeader)
	ctx, cancel := s.ctx, context.CancelFunc(nil)
	if q.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, q.timeout)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.n.counters.panicked.Add(1)
			s.n.log.Error("a peer's call panicked", "call", q.verb, "from", s.link.RemoteAddr().String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			body, refused = nil, refusal(cluster.PeerInternal, "call %d panicked: %v", q.verb, p)
		}
	}()
	body, err := (*s.n.handler.Load()).HandlePeer(ctx, q.verb, q.body)
	switch {
	case err == nil && len(body) > cluster.CallBytesMax:
		return nil, refusal(cluster.PeerInternal, "the answer of %d bytes is over the limit of %d", len(body), cluster.CallBytesMax)
	case err == nil:
		return body, nil
	case errors.As(err, &refused) && refused.Code != statusOK:
		return nil, refused
	}
	return nil, refusal(cluster.PeerInternal, "%v", err)
}

// answer writes an answer and reports whether the connection is still good.
func (s *session) answer(sequence uint32, body []byte, refused *cluster.PeerError) bool {
	h := answerHeader{sequence: sequence}
	if refused != nil {
		h.status = byte(refused.Code)
		body = []byte(shorten(refused.Message))
	}
	h.bodyLen = uint32(len(body)) //nolint:gosec // checked by invoke, or shortened
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active--; s.active == 0 {
		s.idle() // before the answer is out, which makes the next request come
	}
	if err := s.link.SetWriteDeadline(time.Now().Add(s.n.limits.CallWriteTimeout)); err != nil {
		return false
	}
	var err error
	s.buf, err = writeMessage(s.link, appendAnswerHeader(s.buf[:0], h), body)
	return err == nil
}
