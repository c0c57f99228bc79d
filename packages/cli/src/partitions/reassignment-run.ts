/**
 * Reassignments carried out to their end: so many at a time, until every partition is where it is to be. Copying goes on in
 * the cluster whether anybody watches or not.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Admin, OngoingReassignment } from '@millrace/client'
import { CliError } from '../cli-error.ts'
import { plural } from '../units.ts'
import { nameOf } from './drain-plan.ts'
import type { Reassignment } from './reassignment-file.ts'

const POLL_MS = 500
const ARRIVAL_TIMEOUT_MS = 5000

export interface RunProgress {
  readonly done: number
  readonly total: number
  /** Records that the new replicas lack; null while not known. */
  readonly lag: number | null
}

export interface RunOptions {
  /** Most partitions that move at a time. */
  readonly concurrency: number
  readonly signal: AbortSignal
  readonly onProgress: (progress: RunProgress) => void
  /** How long brokers may take to hear of the end of a reassignment. */
  readonly arrivalTimeoutMs?: number
}

type RunAdmin = Pick<
  Admin,
  'alterPartitionReassignments' | 'listPartitionReassignments' | 'describeReplicas' | 'describeTopics'
>

/**
 * @throws CliError when a reassignment ended elsewhere, because somebody cancelled or replaced it
 * @throws the signal's reason; what has begun goes on
 */
export async function runReassignments(
  admin: RunAdmin,
  moves: readonly Reassignment[],
  { concurrency, signal, onProgress, arrivalTimeoutMs = ARRIVAL_TIMEOUT_MS }: RunOptions,
): Promise<void> {
  const waiting = [...moves]
  let moving: Reassignment[] = []
  for (;;) {
    const started = waiting.splice(0, concurrency - moving.length)
    if (started.length > 0) await admin.alterPartitionReassignments(started, { signal })
    moving.push(...started)
    const ongoing = await admin.listPartitionReassignments(moving, { signal })
    const going = new Set(ongoing.map(({ topic, partition }) => nameOf(topic, partition)))
    moving = moving.filter(({ topic, partition }) => going.has(nameOf(topic, partition)))
    const done = moves.length - waiting.length - moving.length
    onProgress({ done, total: moves.length, lag: await lagOf(admin, ongoing, signal) })
    if (moving.length === 0 && waiting.length === 0) break
    if (moving.length > 0) await delay(POLL_MS, undefined, { signal })
  }
  await awaitArrival(admin, moves, arrivalTimeoutMs, signal)
}

/** What the replicas that are being added still have to copy. */
async function lagOf(
  admin: RunAdmin,
  ongoing: readonly OngoingReassignment[],
  signal: AbortSignal,
): Promise<number | null> {
  if (ongoing.length === 0) return 0
  const topics = [...new Set(ongoing.map(({ topic }) => topic))]
  const { replicas } = await admin.describeReplicas(topics, { signal })
  const adding = new Map(
    ongoing.map((move): [string, readonly number[]] => [
      nameOf(move.topic, move.partition),
      move.addingReplicas,
    ]),
  )
  const lags = replicas.flatMap(({ topic, partition, broker, lag }) =>
    lag !== null && adding.get(nameOf(topic, partition))?.includes(broker) === true ? [lag] : [],
  )
  return lags.length === 0 ? null : lags.reduce((sum, lag) => sum + lag, 0)
}

/** The controller knows first that a reassignment is over; the broker that is asked where partitions are hears of it. */
async function awaitArrival(
  admin: RunAdmin,
  moves: readonly Reassignment[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const giveUpMs = performance.now() + timeoutMs
  for (;;) {
    const elsewhere = await endedElsewhere(admin, moves, signal)
    const [first] = elsewhere
    if (first === undefined) return
    if (performance.now() >= giveUpMs) {
      throw new CliError(
        'REASSIGNMENT_CANCELLED',
        `${plural(elsewhere.length, 'partition')} ended elsewhere, ${nameOf(first.topic, first.partition)} among them`,
        'Somebody else has cancelled or replaced the reassignment. `millrace partition list` shows where they are.',
      )
    }
    await delay(POLL_MS, undefined, { signal })
  }
}

async function endedElsewhere(
  admin: RunAdmin,
  moves: readonly Reassignment[],
  signal: AbortSignal,
): Promise<Reassignment[]> {
  const names = [...new Set(moves.map(({ topic }) => topic))]
  const topics = new Map((await admin.describeTopics(names, { signal })).map((topic) => [topic.name, topic]))
  return moves.filter(({ topic, partition, replicas }) => {
    const found: readonly number[] = topics.get(topic)?.partitions[partition]?.replicas ?? []
    return found.length !== replicas.length || !replicas.every((id) => found.includes(id))
  })
}
