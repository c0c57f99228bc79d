import {
  batchOf,
  createTopic,
  errorName,
  fetchFrom,
  firstTimestamp,
  listOffset,
  produce,
  scenario,
  seen,
} from '../scenario.ts'
import type { World } from '../scenario.ts'

async function deleteRecords(world: World, topic: string, offset: number): Promise<unknown> {
  const body = { topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }], timeoutMs: 10_000 }
  const response = await world.connection.request('DeleteRecords', 2, body as never)
  const { errorCode, lowWatermark } = response.topics[0]!.partitions[0]!
  return { error: errorName(errorCode), lowWatermark }
}

async function epochEnd(
  world: World,
  topic: string,
  leaderEpoch: number,
  currentLeaderEpoch = -1,
): Promise<unknown> {
  const partitions = [{ partition: 0, currentLeaderEpoch, leaderEpoch }]
  const body = { replicaId: -1, topics: [{ topic, partitions }] }
  const response = await world.connection.request('OffsetForLeaderEpoch', 4, body as never)
  const { errorCode, leaderEpoch: epoch, endOffset } = response.topics[0]!.partitions[0]!
  return { error: errorName(errorCode), epoch, endOffset }
}

/** Offsets 0–5 with timestamps +0, +100, +50 | +300, +200, +400. */
async function timed(world: World, hint: string): Promise<string> {
  const topic = await createTopic(world, hint)
  for (const times of [
    [0, 100, 50],
    [300, 200, 400],
  ]) {
    await produce(
      world,
      topic,
      batchOf(times.map((time) => ({ value: `+${time}`, timestamp: firstTimestamp + time }))),
    )
  }
  return topic
}

export const offsets = [
  scenario('earliest and latest', async (world) => {
    const topic = await timed(world, 'ends')
    return [await listOffset(world, topic, -2), await listOffset(world, topic, -1)]
  }),
  scenario('by time: the first record at or after it', async (world) => {
    const topic = await timed(world, 'times')
    const answers = []
    for (const time of [-1000, 0, 1, 50, 51, 100, 101, 250, 400, 401]) {
      answers.push({ time, found: await listOffset(world, topic, firstTimestamp + time) })
    }
    return answers
  }),
  scenario('the record with the greatest timestamp', async (world) => {
    const topic = await timed(world, 'max')
    return [
      await listOffset(world, topic, -3, 7),
      await listOffset(world, await createTopic(world, 'none'), -3, 7),
    ]
  }),
  scenario('of an empty topic', async (world) => {
    const topic = await createTopic(world, 'empty')
    return [
      await listOffset(world, topic, -2),
      await listOffset(world, topic, -1),
      await listOffset(world, topic, firstTimestamp),
    ]
  }),
  scenario('of an unknown topic', async (world) => listOffset(world, world.topicName('nowhere'), -1)),
  scenario('with a leader epoch from the future', async (world) =>
    listOffset(world, await timed(world, 'epoch'), -1, 5, 9),
  ),
  scenario('records are deleted up to an offset', async (world) => {
    const topic = await timed(world, 'deleted')
    return [
      await deleteRecords(world, topic, 4),
      await listOffset(world, topic, -2),
      seen(await fetchFrom(world, topic, 3)),
      await deleteRecords(world, topic, 2),
      await deleteRecords(world, topic, 7),
      await deleteRecords(world, topic, -1),
      await listOffset(world, topic, -2),
      seen(await fetchFrom(world, topic, 6)),
    ]
  }),
  scenario('records of an unknown topic cannot be deleted', async (world) =>
    deleteRecords(world, world.topicName('nowhere'), 1),
  ),
  scenario('the end of a leader epoch', async (world) => {
    const topic = await timed(world, 'epochs')
    return [
      await epochEnd(world, topic, 0),
      await epochEnd(world, topic, 3),
      await epochEnd(world, topic, 0, 0),
      await epochEnd(world, topic, 0, 9),
      await epochEnd(world, await createTopic(world, 'none'), 0),
      await epochEnd(world, world.topicName('nowhere'), 0),
    ]
  }),
]
