package cluster

import (
	"reflect"

	"github.com/hashicorp/raft"
)

// apply hands an entry to Raft. Whoever waits for what it returns gets an answer
// for certain; see answered.
func (n *Node) apply(entry []byte) raft.ApplyFuture {
	return answered(n.raft.Apply(entry, enqueueTimeout), n.raftEnded)
}

// answered makes a future of hashicorp/raft end once a channel closes, with
// raft.ErrRaftShutdown. It must be called before anyone waits for the future.
//
// At its shutdown the library forgets what lies in its queues for the leader's
// loop and for the state machine (applyCh, fsmMutateCh, leadershipTransferCh):
// those futures never end, and neither does a goroutine that waits. Every future
// has a field for a channel that ends it, but the library sets that for its own
// only, and exports neither the types nor a way to set it; so reflection does.
// TestFuturesCanBeEnded notices a version of the library without the field.
//
// Nothing is lost by it if the channel closes after Raft's goroutines have ended:
// no answer can come any more.
func answered[F raft.Future](future F, end chan struct{}) F {
	endWith(future, end)
	return future
}

// endWith reports whether the future has the field, or is one that the library
// made with its answer in it.
func endWith(future raft.Future, end chan struct{}) bool {
	v := reflect.ValueOf(future)
	if v.Kind() != reflect.Pointer { // errorFuture
		return true
	}
	field := v.Elem().FieldByName("ShutdownCh")
	if !field.IsValid() || !field.CanSet() || field.Type() != reflect.TypeOf(end) {
		return false
	}
	field.Set(reflect.ValueOf(end))
	return true
}
