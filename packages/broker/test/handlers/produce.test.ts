import { setImmediate as turn } from 'node:timers/promises'
import { offset } from '@millrace/base'
import type { JobRunner } from '@millrace/base'
import { CompressionType, RecordBatchView } from '@millrace/record'
import { describe, expect, it } from 'vitest'
import { batchOf, ErrorCode, produceRequest, ShardFixture, TestConnection } from '../support/shard-fixture.ts'

describe('Produce', () => {
  it('gives records offsets in the order of their arrival, from the log start on', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    expect(await fixture.produce('t', 0, batchOf(['a', 'b']))).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(await fixture.produce('t', 0, batchOf(['c']))).toMatchObject({
      errorCode: 0,
      baseOffset: 2,
      logStartOffset: 0,
      logAppendTimeMs: -1,
    })
  })

  it('writes what one read of a connection brought in one write per partition', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const before = fixture.broker.faulty.writes
    const answers = [
      fixture.produce('t', 0, batchOf(['a']), { moreToCome: true }),
      fixture.produce('t', 0, batchOf(['b']), { moreToCome: true }),
      fixture.produce('t', 0, batchOf(['c'])),
    ]
    expect((await Promise.all(answers)).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2])
    expect(fixture.broker.faulty.writes - before).toBe(1)
  })

  it('answers acks=1 after the write and acks=all after the flush under the policy commit', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 }, flushPolicy: 'commit' })
    fixture.broker.faulty.holdSyncs()
    expect(await fixture.produce('t', 0, batchOf(['a']), { acks: 1 })).toMatchObject({
      errorCode: 0,
      baseOffset: 0,
    })
    let flushed = false
    const all = fixture.produce('t', 0, batchOf(['b']), { acks: -1 }).finally(() => (flushed = true))
    await turn()
    expect(flushed).toBe(false)
    expect((await fixture.fetch('t', 0, 0)).highWatermark).toBe(0)
    fixture.broker.faulty.releaseSyncs()
    expect(await all).toMatchObject({ errorCode: 0, baseOffset: 1 })
    expect((await fixture.fetch('t', 0, 0)).highWatermark).toBe(2)
  })

  it('answers acks=all at once under the policies interval and os', async () => {
    for (const flushPolicy of ['interval', 'os'] as const) {
      await using fixture = await ShardFixture.open({ topics: { t: 1 }, flushPolicy })
      fixture.broker.faulty.holdSyncs()
      expect(await fixture.produce('t', 0, batchOf(['a']), { acks: -1 })).toMatchObject({ errorCode: 0 })
      fixture.broker.faulty.releaseSyncs()
    }
  })

  it('answers REQUEST_TIMED_OUT when the flush takes longer than the client waits', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 }, flushPolicy: 'commit' })
    fixture.broker.faulty.holdSyncs()
    const late = fixture.produce('t', 0, batchOf(['a']), { acks: -1, timeoutMs: 300 })
    fixture.broker.time.advance(300)
    expect(await late).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT, baseOffset: -1 })
    fixture.broker.faulty.releaseSyncs()
    expect(await fixture.produce('t', 0, batchOf(['b']), { acks: -1 })).toMatchObject({
      errorCode: 0,
      baseOffset: 1,
    })
  })

  it('does not answer acks=0, and closes the connection when such a request fails', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const connection = new TestConnection()
    const good = produceRequest('t', 0, batchOf(['a']), { acks: 0 })
    expect(await fixture.trySend('Produce', good, { connection })).toBeNull()
    expect(connection.closedBecause).toBeNull()
    expect((await fixture.fetch('t', 0, 0)).highWatermark).toBe(1)
    const bad = produceRequest('missing', 0, batchOf(['a']), { acks: 0 })
    expect(await fixture.trySend('Produce', bad, { connection })).toBeNull()
    expect(connection.closedBecause).toContain('acks=0')
  })

  it('refuses acks other than −1, 0 and 1', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const refused = await fixture.produce('t', 0, batchOf(['a']), { acks: 2 })
    expect(refused).toMatchObject({ errorCode: ErrorCode.INVALID_REQUIRED_ACKS, baseOffset: -1 })
    expect((await fixture.fetch('t', 0, 0)).highWatermark).toBe(0)
  })

  it('refuses what is not exactly one whole batch, and leaves the other partitions alone', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 4 } })
    const two = Buffer.concat([batchOf(['a']), batchOf(['b'])])
    const cut = batchOf(['a', 'b']).subarray(0, -3)
    const partitionData = [two, cut, null, batchOf(['good'])].map((records, index) => ({ index, records }))
    const response = await fixture.send('Produce', {
      acks: 1,
      timeoutMs: 1000,
      topicData: [{ name: 't', partitionData }],
    })
    const codes = response.responses[0]!.partitionResponses.map(({ errorCode }) => errorCode)
    expect(codes).toEqual([ErrorCode.INVALID_RECORD, ErrorCode.INVALID_RECORD, ErrorCode.INVALID_RECORD, 0])
  })

  it('refuses a batch whose checksum is wrong', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const batch = batchOf(['payload'])
    batch[batch.length - 3]! ^= 1
    expect(await fixture.produce('t', 0, batch)).toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE })
  })

  it('refuses a batch above max.message.bytes', async () => {
    await using fixture = await ShardFixture.open()
    fixture.broker.metadata.createTopic('small', 1, { 'max.message.bytes': '200' })
    const batch = batchOf(['x'.repeat(200)])
    expect(await fixture.produce('small', 0, batch)).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE })
    expect(await fixture.produce('small', 0, batchOf(['x']))).toMatchObject({ errorCode: 0 })
  })

  it('refuses timestamps outside of the configured range', async () => {
    await using fixture = await ShardFixture.open()
    const limits = { 'message.timestamp.before.max.ms': '1000', 'message.timestamp.after.max.ms': '1000' }
    fixture.broker.metadata.createTopic('timed', 1, limits)
    const now = fixture.broker.time.wallNowMs
    for (const timestamp of [now - 2000, now + 2000]) {
      const refused = await fixture.produce('timed', 0, batchOf(['a'], { timestamp }))
      expect(refused.errorCode).toBe(ErrorCode.INVALID_TIMESTAMP)
    }
    expect(await fixture.produce('timed', 0, batchOf(['a'], { timestamp: now }))).toMatchObject({
      errorCode: 0,
    })
  })

  it('stamps the time of the append where the topic says so', async () => {
    await using fixture = await ShardFixture.open()
    fixture.broker.metadata.createTopic('stamped', 1, { 'message.timestamp.type': 'LogAppendTime' })
    const now = fixture.broker.time.wallNowMs
    const answer = await fixture.produce('stamped', 0, batchOf(['a'], { timestamp: 5 }))
    expect(answer).toMatchObject({ errorCode: 0, logAppendTimeMs: now })
    const { records } = await fixture.fetch('stamped', 0, 0)
    const view = new RecordBatchView(records!)
    expect(view).toMatchObject({ timestampType: 'LogAppendTime', maxTimestamp: now })
    expect(view.crc).toBe(view.computeCrc())
  })

  it('refuses a record without key in a compacted topic, and names it', async () => {
    await using fixture = await ShardFixture.open()
    fixture.broker.metadata.createTopic('compacted', 1, { 'cleanup.policy': 'compact' })
    const { RecordBatchBuilder } = await import('@millrace/record')
    const builder = new RecordBatchBuilder({ maxBytes: 1000 })
    builder.tryAppend(Date.now(), 'key', 'value')
    builder.tryAppend(Date.now(), null, 'value')
    const refused = await fixture.produce('compacted', 0, Buffer.from(builder.build()))
    expect(refused).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, recordErrors: [{ batchIndex: 1 }] })
  })

  it('refuses control batches and transactional ones', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 }
    const control = await fixture.produce('t', 0, batchOf(['a'], { isControl: true }))
    expect(control.errorCode).toBe(ErrorCode.INVALID_RECORD)
    const transactional = await fixture.produce(
      't',
      0,
      batchOf(['a'], { ...producer, isTransactional: true }),
    )
    expect(transactional.errorCode).toBe(ErrorCode.INVALID_TXN_STATE)
    expect(await fixture.produce('t', 0, batchOf(['a'], producer))).toMatchObject({ errorCode: 0 })
  })

  it('refuses zstd before version 7', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const batch = () => batchOf(['a'.repeat(100)], { compression: CompressionType.zstd })
    const refused = await fixture.produce('t', 0, batch(), { version: 6 })
    expect(refused.errorCode).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
    expect(await fixture.produce('t', 0, batch(), { version: 7 })).toMatchObject({ errorCode: 0 })
  })

  it('tells unknown topics and partitions', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    for (const [topic, partition] of [
      ['missing', 0],
      ['t', 1],
      ['t', -1],
    ] as const) {
      const refused = await fixture.produce(topic, partition, batchOf(['a']))
      expect(refused.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }
  })

  it('keeps the order of arrival when an earlier batch is validated in the pool', async () => {
    const gate = Promise.withResolvers<void>()
    const jobs: JobRunner = {
      async run(job, input) {
        await gate.promise
        return job.run(input)
      },
    }
    await using fixture = await ShardFixture.open({
      topics: { t: 2 },
      jobs,
      config: { inlineValidationBytesMax: 100 },
    })
    const large = batchOf(['x'.repeat(5000), ...Array.from({ length: 8 }, (_, index) => `small ${index}`)], {
      compression: CompressionType.gzip,
    })
    const first = fixture.produce('t', 0, large)
    const second = fixture.produce('t', 0, batchOf(['small']))
    expect(await fixture.produce('t', 1, batchOf(['other partition']))).toMatchObject({ baseOffset: 0 })
    gate.resolve()
    expect(await first).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(await second).toMatchObject({ errorCode: 0, baseOffset: 9 })
  })

  it('refuses, without harm to others, a large compressed batch that the pool finds broken', async () => {
    await using fixture = await ShardFixture.open({
      topics: { t: 1 },
      config: { inlineValidationBytesMax: 100 },
    })
    const broken = batchOf(
      Array.from({ length: 50 }, (_, index) => `value ${index}`),
      { compression: CompressionType.gzip },
    )
    broken[broken.length - 9]! ^= 1
    const refused = fixture.produce('t', 0, broken)
    const good = fixture.produce('t', 0, batchOf(['good']))
    expect(await refused).toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE })
    expect(await good).toMatchObject({ errorCode: 0, baseOffset: 0 })
  })

  it('answers KAFKA_STORAGE_ERROR while the disk is full, and goes on when there is room again', async () => {
    await using fixture = await ShardFixture.open({ topics: { full: 1, other: 1 } })
    await fixture.produce('full', 0, batchOf(['kept']))
    Object.assign(fixture.broker.faulty.faults, { failWrites: 'ENOSPC', path: 'full-0' })
    const refused = await fixture.produce('full', 0, batchOf(['lost']))
    expect(refused).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, baseOffset: -1 })
    expect(refused.errorMessage).toContain('ENOSPC')
    expect(await fixture.produce('other', 0, batchOf(['a']))).toMatchObject({ errorCode: 0 })
    expect((await fixture.fetch('full', 0, 0)).records!.length).toBeGreaterThan(0)
    fixture.broker.faulty.faults.failWrites = null
    expect(await fixture.produce('full', 0, batchOf(['again']))).toMatchObject({
      errorCode: 0,
      baseOffset: 1,
    })
  })

  it('acknowledges nothing more after a failed flush, but goes on reading', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 }, flushPolicy: 'commit' })
    await fixture.produce('t', 0, batchOf(['kept']), { acks: -1 })
    fixture.broker.faulty.faults.failSyncs = 'EIO'
    const refused = await fixture.produce('t', 0, batchOf(['unsure']), { acks: -1 })
    expect(refused.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    fixture.broker.faulty.faults.failSyncs = null
    const later = await fixture.produce('t', 0, batchOf(['later']), { acks: 1 })
    expect(later.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(await fixture.fetch('t', 0, 0)).toMatchObject({ errorCode: 0, highWatermark: offset(1) })
  })

  it('answers waiting producers when the topic is deleted under them', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 }, flushPolicy: 'commit' })
    fixture.broker.faulty.holdSyncs()
    const waiting = fixture.produce('t', 0, batchOf(['a']), { acks: -1 })
    fixture.broker.metadata.deleteTopic('t')
    expect(await waiting).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION })
    fixture.broker.faulty.dropSyncs()
    expect((await fixture.produce('t', 0, batchOf(['b']))).errorCode).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    )
  })
})
