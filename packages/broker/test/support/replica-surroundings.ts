/** What replicas without peers need: nobody is asked for anything. */
import type { Clock, Timers } from '@millrace/base'
import { silentLog } from '@millrace/base/node'
import type { Deadlines } from '../../src/deadlines.ts'
import { ReplicaClock } from '../../src/replica/replica-clock.ts'
import type { ReplicaSurroundings } from '../../src/replica/replica-surroundings.ts'
import { NODE } from './local-metadata.ts'

export function replicaSurroundings(time: Clock & Timers, deadlines: Deadlines): ReplicaSurroundings {
  const unexpected = (): never => {
    throw new Error('a replica without peers asked for something')
  }
  return {
    nodeId: NODE,
    brokerEpoch: () => 1,
    brokers: { brokerEpoch: () => 1, eligibleEpoch: () => 1, isOwnSessionOver: () => false },
    clock: time,
    deadlines,
    journal: silentLog,
    fetches: { fetch: unexpected, cancel: unexpected, onImage: unexpected, close: unexpected },
    proposals: { alterPartition: unexpected, refuseLeadership: unexpected },
    ticks: new ReplicaClock(time),
    onDoubted: () => {},
    replicaLagTimeMaxMs: 10_000,
    saveCheckpoint: unexpected,
  }
}
