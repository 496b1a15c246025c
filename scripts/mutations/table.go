package main

// mutations are the known bugs, those of the log and of elections first.
func mutations() []mutation {
	return []mutation{
		{
			name: "heartbeat-fast-path",
			bug:  "a heartbeat raises the term beside Raft's loop, where a deposed leader still appends",
			edits: []edit{{
				file: "cluster/transport.go",
				old:  "func (peerTransport) SetHeartbeatHandler(func(raft.RPC)) {}",
				new:  "func (t peerTransport) SetHeartbeatHandler(h func(raft.RPC)) { t.NetworkTransport.SetHeartbeatHandler(h) }",
			}},
			faults: []string{"pause-leader", "partition-flap"},
			test:   target{"./cluster", "TestHeartbeatsTakeTheirTurn"},
		},
		{
			name: "verify-leader",
			bug:  "a linearizable read asks Raft's VerifyLeader alone, which counts answers from before the read",
			edits: []edit{{
				file: "cluster/read.go",
				old:  "\tservers, err := n.servers()\n\tif err != nil {\n\t\treturn 0, err\n\t}\n\tagreed, voters :=",
				new: "\tif err := n.raft.VerifyLeader().Error(); n.leads.Load() == l {\n\t\treturn index, err\n\t}\n" +
					"\tservers, err := n.servers()\n\tif err != nil {\n\t\treturn 0, err\n\t}\n\tagreed, voters :=",
			}},
			faults: []string{"late-answers", "pause-leader"},
			test:   target{"./cluster", "TestCutOffLeaderAnswersNoLinearizableRead"},
		},
		{
			name: "leader-not-on-disk",
			bug:  "a follower's answer counts before the leader's own disk has the entry",
			edits: []edit{{
				file: "cluster/transport.go",
				old:  "if n := len(args.Entries); n > 0 && resp.Success {",
				new:  "if n := len(args.Entries); n > 0 && resp.Success && args.Entries[n-1].Index == 0 {",
			}},
			faults: []string{"hung-then-swap", "power-cut-majority"},
			test:   target{"./cluster", "TestNothingIsCommittedBeforeTheLeadersDiskHasIt"},
		},
		{
			name: "stream-not-bound",
			bug:  "a Raft stream is taken by whichever server has the address now",
			edits: []edit{{
				file: "transport/raftnet/accept.go",
				old:  "if own := n.server.Load(); refused == nil &&",
				new:  "if own := n.server.Load(); false && refused == nil &&",
			}},
			blind: "a server in no configuration casts no vote, and a late snapshot leaves its entries: two more bars, and both hold",
			test:  target{"./transport/raftnet", "TestStreamsReachTheServerTheyAreMeantFor"},
		},
		{
			name: "snapshot-cuts-log",
			bug:  "a snapshot from the leader removes the acknowledged entries behind it",
			edits: []edit{{
				file: "cluster/install.go",
				old:  "if hi < base.index {",
				new:  "if hi < base.index || hi > 0 {",
			}},
			blind: "the snapshot has to fall between what a follower has and what its leader knows of it, two requests at most",
			test:  target{"./cluster", "TestSnapshotKeepsWhatFollowsIt"},
		},
		{
			name: "no-fsync",
			bug:  "entries of the log are acknowledged without being flushed",
			edits: []edit{
				{
					file: "cluster/logstore/wal.go",
					old:  "\t\"github.com/hashicorp/raft-wal/segment\"\n\n\t\"github.com/treenode/treenode/cluster/failpoint\"\n)\n",
					new: "\t\"github.com/hashicorp/raft-wal/segment\"\n\t\"github.com/hashicorp/raft-wal/types\"\n\n\t\"github.com/treenode/treenode/cluster/failpoint\"\n)\n\n" +
						"type unflushed struct{ types.VFS }\n\n" +
						"func (u unflushed) Create(dir, name string, size uint64) (types.WritableFile, error) {\n\tf, err := u.VFS.Create(dir, name, size)\n\treturn unflushedFile{f}, err\n}\n\n" +
						"func (u unflushed) OpenWriter(dir, name string) (types.WritableFile, error) {\n\tf, err := u.VFS.OpenWriter(dir, name)\n\treturn unflushedFile{f}, err\n}\n\n" +
						"type unflushedFile struct{ types.WritableFile }\n\nfunc (unflushedFile) Sync() error { return nil }\n",
				},
				{
					file: "cluster/logstore/wal.go",
					old:  "privateFiles{walfs.New()}",
					new:  "unflushed{privateFiles{walfs.New()}}",
				},
			},
			faults: []string{"power-cut-all", "power-cut-majority"},
		},
		{
			name: "checksum-not-verified",
			bug:  "a log entry whose checksum does not match is taken as it is",
			edits: []edit{{
				file: "cluster/logstore/seal.go",
				old:  "entryChecksum(index, b[sealFlags:]); want != got {",
				new:  "entryChecksum(index, b[sealFlags:]); false && want != got {",
			}},
			faults: []string{"flip-command", "flip-log"},
			test:   target{"./cluster/logstore", "TestEveryByteOfAnEntry"},
		},
		{
			name: "no-end-mark",
			bug:  "the index of the last flushed entry is not written, so that a log cut off looks whole",
			edits: []edit{{
				file: "cluster/logstore/walend.go",
				old:  "if _, err := m.f.WriteAt(b, 0); err != nil {",
				new:  "if err := error(nil); err != nil && b != nil {",
			}},
			faults: []string{"forget-tail", "truncate-log"},
			test:   target{"./cluster/logstore", "TestWALCutOff"},
		},
		{
			name: "lost-answer-is-success",
			bug:  "a forwarded command whose answer was lost is told to be done",
			edits: []edit{{
				file: "cluster/forward.go",
				old:  "\t\tif err != nil {\n\t\t\tn.leaderLevel.Store(nil) // it may be another program when it is back\n\t\t\trefuseAll(group, forwardError(err))\n",
				new: "\t\tif lost := new(CallError); errors.As(err, &lost) && lost.Sent {\n\t\t\tfor _, p := range group {\n\t\t\t\tp.done <- proposed{}\n\t\t\t}\n\t\t\treturn\n\t\t}\n" +
					"\t\tif err != nil {\n\t\t\tn.leaderLevel.Store(nil) // it may be another program when it is back\n\t\t\trefuseAll(group, forwardError(err))\n",
			}},
			faults: []string{"kill-leader", "partition-leader"},
			test:   target{"./cluster", "TestLostAnswerIsNoSuccess"},
		},
		{
			name: "one-clock",
			bug:  "a leader stamps entries by its own clock alone",
			edits: []edit{{
				file: "cluster/time.go",
				old:  "return tree.Time(l.now().UnixMicro()), nil",
				new:  "return tree.Time(n.config.Clock().UnixMicro()), nil",
			}},
			faults: []string{"clock-step"},
			test:   target{"./cluster", "TestOneWrongClock"},
		},
		{
			name: "session-does-not-wait",
			bug:  "a session read answers with what the node has, whatever index was asked for",
			edits: []edit{{
				file: "cluster/read.go",
				old:  "if level == Stale {",
				new:  "if level == Stale || level == Session {",
			}},
			faults: []string{"partition-minority", "pause-follower"},
			test:   target{"./cluster", "TestSessionReadWaitsForItsIndex"},
		},
		{
			name: "no-dedupe",
			bug:  "a repeated request is executed again",
			edits: []edit{{
				file: "fsm/machine.go",
				old:  "\tif replay {\n",
				new:  "\tif false && replay {\n",
			}},
			faults: []string{"kill-leader", "partition-leader"},
			test:   target{"./fsm", "TestExactlyOnce"},
		},
		{
			name: "snapshot-drops-answers",
			bug:  "a snapshot leaves the remembered answers out",
			edits: []edit{{
				file: "fsm/snapshot.go",
				old:  "\tv.requests.byID.All(func(_ tree.UUID, a *answer) bool { return put(w, recordAnswer, *a, (*codec).answer) })\n",
				new:  "",
			}},
			faults: []string{"restart-snapshot", "snapshot-install"},
			test:   target{"./fsm", "TestMemorySurvivesSnapshots"},
		},
		{
			name: "wrong-digest",
			bug:  "a state's digest covers its counters and none of its records",
			edits: []edit{{
				file: "fsm/snapshot.go",
				old:  "\tw.records(v.Tree)\n\tw.flush()\n\treturn ",
				new:  "\tw.flush()\n\treturn ",
			}},
			blind: "the digests of equal states stay equal, and no fault makes states differ",
			test:  target{"./fsm", "TestDigestSeesEverything"},
		},
		{
			name: "map-ordered-apply",
			bug:  "the commands of a log entry are executed in the order of a map",
			edits: []edit{{
				file: "fsm/machine.go",
				old:  "\tfor i, command := range e.Commands {\n",
				new:  "\tunordered := map[int][]byte{}\n\tfor i, command := range e.Commands {\n\t\tunordered[i] = command\n\t}\n\tfor i, command := range unordered {\n",
			}},
			faults: []string{"transfer-leader"},
			test:   target{"./fsm", "TestBatch"},
		},
		{
			name: "capacity-before-apply",
			bug:  "capacity is checked where a claim is proposed, and not where it is applied",
			edits: []edit{
				{
					file: "fsm/tree/consumer.go",
					old:  "func (d *draft) checkUsages(usages []usage) error {\n",
					new:  "func (d *draft) checkUsages(usages []usage) error {\n\tif d.hook == nil {\n\t\treturn nil\n\t}\n",
				},
				{
					file: "cluster/propose.go",
					old:  "\t\"github.com/treenode/treenode/fsm\"\n",
					new:  "\t\"github.com/treenode/treenode/fsm\"\n\t\"github.com/treenode/treenode/fsm/tree\"\n",
				},
				{
					file: "cluster/propose.go",
					old:  "\tcommand, err := cmd.Encode()\n",
					new: "\tnow, refused := n.machine.View(), new(tree.Error)\n\t_, _, before := now.Tree.Apply(0, cmd.Txn, func(int, string) error { return nil })\n" +
						"\tif errors.As(before, &refused) && refused.Code == tree.CodeCapacityExceeded {\n\t\treturn fsm.Result{Index: now.Index, Revision: now.Tree.Revision(), Refused: refused}, nil\n\t}\n" +
						"\tcommand, err := cmd.Encode()\n",
				},
			},
			faults: []string{"transfer-leader"},
			test:   target{"./fsm/tree", "TestClaimsFillTheCapacityExactly"},
		},
		{
			name: "two-steps",
			bug:  "a transaction's first operation is published before the rest is executed",
			edits: []edit{{
				file: "fsm/machine.go",
				old:  "\tr.Effect, err = batch.Apply(v.logTime, cmd.Txn, m.hook)\n",
				new: "\tif ops := cmd.Txn.Ops; len(ops) > 1 {\n" +
					"\t\tif _, err := batch.Apply(v.logTime, tree.Txn{Preconditions: cmd.Txn.Preconditions, Ops: ops[:1]}, m.hook); err == nil {\n" +
					"\t\t\told, half := m.view.Load(), batch.State()\n" +
					"\t\t\tm.view.Store(&View{Index: old.Index, Tree: half, requests: old.requests, logTime: v.logTime})\n" +
					"\t\t\t*batch = *half.Batch()\n\t\t\tcmd.Txn = tree.Txn{Ops: ops[1:]}\n\t\t}\n\t}\n" +
					"\tr.Effect, err = batch.Apply(v.logTime, cmd.Txn, m.hook)\n",
			}},
			faults: []string{"transfer-leader"},
			test:   target{"./fsm", "TestRefusedCommandLeavesTheState"},
		},
		{
			name: "generation-not-bumped",
			bug:  "a claim leaves the generation of its providers as it was",
			edits: []edit{{
				file: "fsm/tree/consumer.go",
				old:  "\t\t\tnext.generation++\n\t\t\tbump = bump[1:]\n",
				new:  "\t\t\tbump = bump[1:]\n",
			}},
			faults: []string{"transfer-leader"},
			test:   target{"./fsm/tree", "TestClaimGenerations"},
		},
	}
}
