/** The keys of roles, of the metadata quorum, and of what ties brokers to the active controller. */
import { booleanKey, intKey, listKey, longKey } from '@millrace/metadata'

const INT_MAX = 2 ** 31 - 1
const DAY_MS = 86_400_000

export const quorumKeys = {
  'process.roles': listKey({
    default: [],
    values: ['broker', 'controller'],
    text: 'What this process is. Empty: broker and controller at once, a cluster of one, as long as `controller.quorum.voters` is empty too; with voters it must be set.',
  }),
  'controller.quorum.voters': listKey({
    default: [],
    text: 'The controllers as `ID@HOST:PORT`, the same on every node: where they are first looked for, and who votes in a new cluster. Voters that are added or removed later are known to the quorum itself. An odd number, 3 or 5. Empty: this node alone.',
  }),
  'controller.quorum.fetch.timeout.ms': intKey({
    default: 1000,
    min: 10,
    max: DAY_MS,
    unit: 'ms',
    text: 'A controller that has not heard from the active one for this long asks the others whether it may take over. An active controller that has not heard from a majority for one and a half times as long steps down.',
  }),
  'controller.quorum.election.timeout.ms': intKey({
    default: 500,
    min: 10,
    max: DAY_MS,
    unit: 'ms',
    text: 'How long an election may take before it is tried again.',
  }),
  'controller.quorum.election.backoff.max.ms': intKey({
    default: 300,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    text: 'Longest pause after a lost election.',
  }),
  'controller.quorum.request.timeout.ms': intKey({
    default: 1000,
    min: 10,
    max: DAY_MS,
    unit: 'ms',
    text: 'How long a controller waits for the answer of another.',
  }),
  'controller.quorum.auto.join.enable': booleanKey({
    default: true,
    text: 'A controller that is no voter, such as one whose disk was replaced, becomes one by itself as soon as it has caught up.',
  }),
  'metadata.log.max.record.bytes.between.snapshots': longKey({
    default: 20_971_520,
    min: 1,
    unit: 'bytes',
    text: 'Bytes of the metadata log after which a snapshot is written.',
  }),
  'metadata.log.max.snapshot.interval.ms': longKey({
    default: 3_600_000,
    min: 1000,
    max: INT_MAX,
    unit: 'ms',
    text: 'Longest time between two snapshots while there is anything new.',
  }),
  'metadata.log.segment.bytes': intKey({
    default: 1_073_741_824,
    min: 1024,
    max: INT_MAX,
    unit: 'bytes',
    text: 'Size at which a new segment of the metadata log begins.',
  }),
}

export const membershipKeys = {
  'initial.broker.registration.timeout.ms': intKey({
    default: 60_000,
    min: 1,
    max: INT_MAX,
    unit: 'ms',
    text: 'How long a broker that starts waits for an active controller to accept it before it gives up.',
  }),
  'broker.heartbeat.interval.ms': intKey({
    default: 400,
    min: 10,
    max: DAY_MS,
    unit: 'ms',
    text: 'How often a broker tells the active controller that it is alive.',
  }),
  'broker.session.timeout.ms': intKey({
    default: 2000,
    min: 50,
    max: DAY_MS,
    unit: 'ms',
    text: 'A broker that was silent for this long is fenced: it leads nothing, and clients no longer see it. A process that is gone is noticed sooner, by its connection.',
  }),
  'controlled.shutdown.timeout.ms': intKey({
    default: 5000,
    min: 0,
    max: INT_MAX,
    unit: 'ms',
    text: 'How long a stopping broker waits for the active controller to give its leaderships to others. (ours)',
  }),
  'request.timeout.ms': intKey({
    default: 30_000,
    min: 1,
    max: INT_MAX,
    unit: 'ms',
    text: 'Longest time for which a broker keeps a request that only the active controller can answer, whatever the client asks for.',
  }),
  'controller.wait.timeout.ms': intKey({
    default: 5000,
    min: 0,
    max: INT_MAX,
    unit: 'ms',
    text: 'How long a broker keeps such a request while no controller is active, as in an election, before it answers NOT_CONTROLLER. (ours)',
  }),
  'controller.retry.backoff.ms': intKey({
    default: 20,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    text: 'Pause before a broker tries again to reach the active controller; doubles with each attempt. (ours)',
  }),
  'controller.retry.backoff.max.ms': intKey({
    default: 500,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    text: 'Longest such pause. (ours)',
  }),
  'metadata.propagation.timeout.ms': intKey({
    default: 5000,
    min: 0,
    max: INT_MAX,
    unit: 'ms',
    text: 'How long the answer to a change of configuration waits until every broker knows of it; creations and deletions of topics bring a time of their own. (ours)',
  }),
  'auto.leader.rebalance.enable': booleanKey({
    default: true,
    text: 'Whether leaderships go back by themselves to the preferred replica, the first of each partition, once that is in sync again.',
  }),
  'leader.imbalance.check.interval.seconds': longKey({
    default: 300,
    min: 1,
    max: DAY_MS / 1000,
    text: 'How often that is looked at, in seconds.',
  }),
  'leader.imbalance.per.broker.percentage': intKey({
    default: 10,
    min: 0,
    max: 100,
    text: 'Percentage of the partitions whose preferred replica a broker is that others may lead before that is changed.',
  }),
  'max.partitions.per.request': intKey({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    text: 'Most partitions, and thereby topics, that one request may create. (ours)',
  }),
}
