/** What the verdict rests on: one partition, read by a fresh client from the beginning to the end of its log. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HistoryRecorder, Value } from '@millrace/checker'
import { Admin, MillraceError } from '@millrace/client'
import { Consumer } from '@millrace/consumer-client'
import type { Place } from './workload.ts'

export interface FinalReadOptions {
  readonly bootstrap: string
  readonly place: Place
  readonly recorder: HistoryRecorder
  /** Everything acknowledged lies before it: waited for, as long as there is time. */
  readonly endOffsetMin: number
}

/** After the last fault. */
const TIMEOUT_MS = 60_000
/** For a high watermark that a new leader does not know yet; a log that is shorter then has lost its end. */
const END_WAIT_MS = 20_000
const POLL_MS = 100
const POLL_RECORDS = 500

/** Never throws because of the cluster: the history says why it could not be read. */
export async function finalRead(options: FinalReadOptions): Promise<void> {
  const { bootstrap, place, recorder } = options
  const { key, topic, partition } = place
  const proc = `final-${key}`
  recorder.record({ proc, f: 'final', type: 'invoke', mops: [['e', key, 0]] })
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const endOffset = await endOf(options, signal)
    await using consumer = new Consumer({ bootstrap })
    let polled: [number, Value][] = []
    const poll = (): void => {
      if (polled.length > 0)
        recorder.record({ proc, f: 'poll', type: 'ok', mops: [['p', { [key]: polled }]] })
      polled = []
    }
    const assignment = { topic, partition, from: 'beginning' as const, until: { offset: endOffset } }
    for await (const { offset, value } of consumer.assign([assignment], { signal })) {
      polled.push([offset, Number(value!.toString())])
      if (polled.length === POLL_RECORDS) poll()
    }
    poll()
    recorder.record({ proc, f: 'final', type: 'ok', mops: [['e', key, endOffset]] })
  } catch (error) {
    if (!(error instanceof MillraceError) && !signal.aborted) throw error
    recorder.record({ proc, f: 'final', type: 'info', mops: [['e', key, 0]], err: String(error) })
  }
}

async function endOf(
  { bootstrap, place, endOffsetMin }: FinalReadOptions,
  signal: AbortSignal,
): Promise<number> {
  const { topic, partition } = place
  await using admin = new Admin({ bootstrap })
  const deadline = performance.now() + END_WAIT_MS
  for (;;) {
    const [end] = await admin.listOffsets([{ topic, partition, at: 'end' }], { signal })
    if (end!.offset >= endOffsetMin || performance.now() > deadline) return end!.offset
    await delay(POLL_MS)
  }
}
