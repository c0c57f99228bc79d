import { batchOf, createTopic, fetchFrom, produce, scenario, seen, type World } from '../scenario.ts'

async function threeBatches(world: World, hint: string): Promise<{ topic: string; bytes: number }> {
  const topic = await createTopic(world, hint)
  const records = batchOf([{ value: 'first' }, { value: 'second' }])
  for (let i = 0; i < 3; i++) await produce(world, topic, Buffer.from(records))
  return { topic, bytes: records.length }
}

export const fetching = [
  scenario('everything from the beginning', async (world) => {
    const { topic } = await threeBatches(world, 'all')
    return seen(await fetchFrom(world, topic, 0))
  }),
  scenario('from inside a batch: the whole batch comes', async (world) => {
    const { topic } = await threeBatches(world, 'inside')
    return seen(await fetchFrom(world, topic, 3))
  }),
  scenario('at the end: nothing, no error', async (world) => {
    const { topic } = await threeBatches(world, 'end')
    return seen(await fetchFrom(world, topic, 6))
  }),
  scenario('beyond the end and before the start', async (world) => {
    const { topic } = await threeBatches(world, 'beyond')
    return [seen(await fetchFrom(world, topic, 7)), seen(await fetchFrom(world, topic, -2))]
  }),
  scenario('an empty topic', async (world) =>
    seen(await fetchFrom(world, await createTopic(world, 'empty'), 0)),
  ),
  scenario('an unknown topic', async (world) => seen(await fetchFrom(world, world.topicName('nowhere'), 0))),
  scenario('an unknown partition', async (world) => {
    const { topic } = await threeBatches(world, 'part')
    return seen(await fetchFrom(world, topic, 0, { partition: 9 }))
  }),
  scenario('a limit of one byte still brings the first batch whole', async (world) => {
    const { topic, bytes } = await threeBatches(world, 'tiny')
    const response = await fetchFrom(world, topic, 0, { partitionMaxBytes: 1, maxBytes: 1 })
    return { batches: response.responses[0]!.partitions[0]!.records!.length / bytes }
  }),
  scenario('a leader epoch from the future, and from the past', async (world) => {
    const { topic } = await threeBatches(world, 'epoch')
    return [
      seen(await fetchFrom(world, topic, 0, { currentLeaderEpoch: 5 })),
      seen(await fetchFrom(world, topic, 0, { currentLeaderEpoch: 0 })),
    ]
  }),
  scenario('a session that nobody opened', async (world) => {
    const { topic } = await threeBatches(world, 'session')
    return seen(await fetchFrom(world, topic, 0, { sessionId: 4711, sessionEpoch: 1 }))
  }),
  scenario('read committed without transactions ends at the high watermark', async (world) => {
    const { topic } = await threeBatches(world, 'committed')
    return seen(await fetchFrom(world, topic, 0, { isolationLevel: 1 }))
  }),
  scenario('a long poll ends by its deadline', async (world) => {
    const topic = await createTopic(world, 'poll')
    const startedMs = performance.now()
    const answer = seen(await fetchFrom(world, topic, 0, { minBytes: 1, maxWaitMs: 300 }))
    const tookMs = performance.now() - startedMs
    return { answer, notBefore: tookMs >= 295, notLongAfter: tookMs < 1500 }
  }),
  scenario('a long poll ends by the record it waits for', async (world) => {
    const topic = await createTopic(world, 'poll')
    const startedMs = performance.now()
    const waiting = fetchFrom(world, topic, 0, { minBytes: 1, maxWaitMs: 20_000 })
    using other = await world.open()
    await produce({ ...world, connection: other }, topic, batchOf([{ value: 'news' }]))
    return { answer: seen(await waiting), soon: performance.now() - startedMs < 5000 }
  }),
  scenario('a long poll waits for as many bytes as it asks for', async (world) => {
    const { topic } = await threeBatches(world, 'much')
    const startedMs = performance.now()
    const answer = seen(await fetchFrom(world, topic, 0, { minBytes: 100_000, maxWaitMs: 300 }))
    return { answer, waited: performance.now() - startedMs >= 295 }
  }),
]
