/** Bugs of the active controller and of brokers. */
import type { Mutant } from '../mutant/mutant.ts'

export const clusterMutants: readonly Mutant[] = [
  {
    id: 'sessions-on-wall-clock',
    trap: 37,
    title: 'Sessions of brokers are kept by the wall clock',
    edits: [
      {
        file: 'packages/server/src/controller/broker-watch.ts',
        find: 'this.#options = options\n',
        replace:
          'const { clock } = options.env\n    const wall = { monoMs: () => clock.wallMs(), wallMs: () => clock.wallMs() }\n    this.#options = { ...options, env: { ...options.env, clock: wall } }\n',
      },
    ],
  },
  {
    id: 'session-of-unstored-registration',
    trap: 34,
    title: 'A registration that could not be stored begins a session of a process that nobody knows',
    edits: [
      {
        file: 'packages/server/src/controller/active-controller.ts',
        find: 'if (registered?.epoch === brokerEpoch) {',
        replace: 'if (brokerEpoch >= 0) {',
      },
    ],
  },
  {
    id: 'fenced-broker-leads',
    trap: 21,
    title: 'A broker that is fenced keeps its leaderships',
    edits: [
      {
        file: 'packages/controller/src/fence-broker.ts',
        find: 'changesForGone(context, brokerId)',
        replace: '{ records: [], uncleanElections: [] }',
      },
    ],
  },
  {
    id: 'answer-before-commit',
    trap: 10,
    title: 'A change of the metadata is answered before it is committed (barrier: metadata commit)',
    edits: [
      {
        file: 'packages/server/src/controller/active-controller.ts',
        find: 'const lastOffset = await this.#append(decision)\n        if (propagationMs !== null) {',
        replace:
          'const lastOffset = quorum.latestImage.position.lastOffset\n        void this.#append(decision).catch(() => {})\n        if (propagationMs === Infinity) {',
      },
    ],
  },
  {
    id: 'reader-keeps-its-history',
    trap: 16,
    title:
      'A reader does not say of which epoch its last record was, and goes on where the log has another history',
    edits: [
      {
        file: 'packages/consumer-client/src/fetch/fetch-request.ts',
        find: 'lastFetchedEpoch: cursor.lastFetchedEpoch,',
        replace: 'lastFetchedEpoch: NO_LEADER_EPOCH,',
      },
    ],
  },
  {
    id: 'metadata-goes-back',
    trap: 16,
    title:
      'A client believes an older leader epoch than it knows, and a leader that was replaced names itself',
    edits: [
      {
        file: 'packages/client/src/cluster/metadata-cache.ts',
        find: 'if (known !== undefined && leaderEpoch < known.leaderEpoch) continue\n',
        replace: '',
      },
      {
        file: 'packages/broker/src/shard/cluster-view.ts',
        find: "const isReplaced = this.standing === 'replaced' && ",
        replace: 'const isReplaced = replicas.length === 0 && ',
      },
    ],
  },
  {
    id: 'lossy-replica-trusted',
    trap: 22,
    title: 'The last replica in sync is trusted although the crash may have taken its tail',
    edits: [
      {
        file: 'packages/controller/src/register-broker.ts',
        find: '(!endedCleanly(request, registered) && changes.mayLoseAcknowledged(topic, request.brokerId)),',
        replace: '(topic === undefined && changes === undefined),',
      },
    ],
  },
  {
    id: 'unclean-by-default',
    trap: 24,
    title: 'A replica is elected that may lack what was acknowledged, although nobody has allowed it',
    edits: [
      {
        file: 'packages/controller/src/partition-changes.ts',
        find: "allowsUncleanElection: unclean?.toLowerCase() === 'true',",
        replace: "allowsUncleanElection: unclean?.toLowerCase() !== 'false',",
      },
    ],
  },
  {
    id: 'unclean-election-silent',
    trap: 24,
    title: 'An unclean election is neither logged nor counted',
    edits: [
      {
        file: 'packages/controller/src/partition-change.ts',
        find: 'isUncleanElection: isUnclean }',
        replace: 'isUncleanElection: false }',
      },
    ],
  },
  {
    id: 'reassignment-keeps-epoch',
    trap: 28,
    title: 'The leader epoch stays when a replica is taken away',
    edits: [
      {
        file: 'packages/controller/src/partition-change.ts',
        find: 'leader !== partition.leader || isTakenAway ||',
        replace: 'leader !== partition.leader ||',
      },
    ],
  },
]
