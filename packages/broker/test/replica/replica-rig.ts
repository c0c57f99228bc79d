/** Replicas of one partition on simulated disks, whose fetches and proposals a test carries from one to the other. */
import { BufferPool, nodeId, offset, seededRng } from '@millrace/base'
import type { LeaderEpoch, NodeId, Uuid } from '@millrace/base'
import { silentLog } from '@millrace/base/node'
import type { AckWait, FetchReply, FollowerFetch, PartitionState, ReplicaRole } from '@millrace/replication'
import { SimDisk } from '@millrace/sim'
import { Log } from '@millrace/storage'
import { Deadlines } from '../../src/deadlines.ts'
import { fetchedRecords } from '../../src/replica/fetcher/fetched-records.ts'
import { ReplicaClock } from '../../src/replica/replica-clock.ts'
import { ReplicaDriver } from '../../src/replica/replica-driver.ts'
import type { ReplicaSurroundings } from '../../src/replica/replica-surroundings.ts'
import type { ReplicaFetchWaiter, ServingReplica } from '../../src/replica/replica-fetch.ts'
import { batchOf } from '../support/batches.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { settingsOf } from '../partition/partition-rig.ts'

const TOPIC_ID = 'bWlsbHJhY2UtYnJva2VyMQ' as Uuid

export function partitionState(changes: Partial<PartitionState> = {}): PartitionState {
  return {
    replicas: [1, 2, 3].map(nodeId),
    isr: [1, 2, 3].map(nodeId),
    leader: nodeId(1),
    leaderEpoch: 0 as LeaderEpoch,
    partitionEpoch: 0,
    leaderRecoveryState: 0,
    ...changes,
  }
}

export interface ProposedIsr {
  readonly requestId: number
  readonly isr: readonly NodeId[]
}

export class ReplicaRig implements ReplicaFetchWaiter {
  readonly id: NodeId
  readonly time = new VirtualTime()
  readonly disk = new SimDisk({ rng: seededRng(1) })
  readonly log: Log
  readonly driver: ReplicaDriver
  readonly pool = new BufferPool({ maxPooledBytes: 1 << 20 })
  /** What it wants of its leader. */
  readonly fetches: FollowerFetch[] = []
  /** What followers were told, by fetch id. */
  readonly replies = new Map<number, FetchReply>()
  readonly proposals: ProposedIsr[] = []
  readonly refusals: string[] = []
  readonly roles: ReplicaRole[] = []
  readonly released: AckWait[] = []
  readonly failed: [AckWait, string][] = []
  highWatermark = 0
  checkpoints = 0
  doubts = 0
  isOwnSessionOver = false

  constructor(id: number, image = partitionState(), configs: Readonly<Record<string, string>> = {}) {
    this.id = nodeId(id)
    this.disk.mkdir('/data')
    const settings = settingsOf({ 'flush.policy': 'commit', 'min.insync.replicas': '2', ...configs })
    this.log = Log.open({
      disk: this.disk,
      clock: this.time,
      directory: '/data/flights-0',
      topicId: TOPIC_ID,
      config: settings.logConfig,
      recoveryPoint: offset(0),
      cleanShutdown: false,
      checkpoints: {
        persistRecoveryPoint: (_log, done) => queueMicrotask(() => done(null)),
        persistLogStartOffset: (_log, done) => queueMicrotask(() => done(null)),
      },
      log: silentLog,
    })
    this.driver = new ReplicaDriver({
      topic: 'flights',
      topicId: TOPIC_ID,
      index: 0,
      log: this.log,
      image,
      settings,
      checkpoint: { highWatermark: offset(0), owedEndOffset: null },
      resumesEpochs: false,
      surroundings: this.#surroundings(),
      events: {
        onRole: (role) => void this.roles.push(role),
        onHighWatermark: (end) => void (this.highWatermark = end),
        onFetched: () => {},
        onReleased: (waits) => void this.released.push(...waits),
        onFailed: (waits, error) =>
          void this.failed.push(...waits.map((wait): [AckWait, string] => [wait, error])),
      },
    })
    this.driver.start()
  }

  respond(_replica: ServingReplica, fetchId: number, reply: FetchReply): void {
    this.replies.set(fetchId, reply)
  }

  /** Appends one record as leader, and waits for all. */
  append(value: string): AckWait {
    this.log.append(batchOf([value]), this.driver.leaderEpoch)
    this.log.writeStaged()
    const wait = { endOffset: this.log.logEndOffset }
    this.driver.appended([wait])
    return wait
  }

  flushed(): void {
    this.disk.settle()
  }

  /** Also what waits for a checkpoint in between. */
  async settled(): Promise<void> {
    for (let round = 0; round < 5; round++) {
      this.disk.settle()
      await Promise.resolve()
    }
  }

  /** Carries the last fetch of `follower` here. @returns its id */
  serve(follower: ReplicaRig): number {
    const fetch = follower.fetches.at(-1)!
    this.driver.onReplicaFetch(fetch, this)
    return fetch.fetchId
  }

  /** Carries what was replied to it back, records and all. */
  answer(follower: ReplicaRig, fetchId: number): void {
    const reply = this.replies.get(fetchId)!
    if (reply.kind !== 'records') return follower.driver.onFetchAnswer(fetchId, reply)
    const { offset: from, endOffset, highWatermark, logStartOffset } = reply
    const range = { offset: from, endOffset, maxBytes: 1 << 20 }
    const read =
      from < endOffset ? this.driver.readForReplica(this.driver.leaderEpoch, range, this.pool) : null
    if (read?.kind === 'failed') throw new Error(`error code ${read.errorCode}`)
    const records = read === null ? null : fetchedRecords(read.records)
    if (typeof records === 'string') throw new Error(records)
    follower.driver.onFetchAnswer(fetchId, { kind: 'records', records, highWatermark, logStartOffset })
    read?.release()
  }

  #surroundings(): ReplicaSurroundings {
    return {
      nodeId: this.id,
      brokerEpoch: () => 10 + this.id,
      brokers: {
        brokerEpoch: (id) => 10 + id,
        eligibleEpoch: (id) => 10 + id,
        isOwnSessionOver: () => this.isOwnSessionOver,
      },
      clock: this.time,
      deadlines: new Deadlines(this.time, this.time),
      journal: silentLog,
      fetches: {
        fetch: (_replica, _leaderId, fetch) => void this.fetches.push(fetch),
        cancel: () => {},
        onImage: () => {},
        close: () => {},
      },
      proposals: {
        alterPartition: (_replica, { requestId, newIsr }) =>
          void this.proposals.push({ requestId, isr: newIsr.map(({ id }) => id) }),
        refuseLeadership: (_replica, _epoch, reason) => void this.refusals.push(reason),
      },
      ticks: new ReplicaClock(this.time),
      onDoubted: () => void (this.doubts += 1),
      replicaLagTimeMaxMs: 10_000,
      saveCheckpoint: async () => void (this.checkpoints += 1),
    }
  }
}
