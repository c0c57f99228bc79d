/** Record batches as producers send them. */
import { RecordBatchBuilder, readRecords } from '@millrace/record'
import type { BuildOptions } from '@millrace/record'

export interface BatchOptions extends BuildOptions {
  /** Of the first record; each further one is a millisecond later. */
  readonly timestamp?: number
}

const TIMESTAMP = 1_700_000_000_000

/** One batch in memory of its own, one record for each value. */
export function batchOf(
  values: readonly string[],
  { timestamp = TIMESTAMP, ...options }: BatchOptions = {},
): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 64 * 1024 * 1024 })
  for (const [index, value] of values.entries()) {
    builder.tryAppend(timestamp + index, Buffer.from('key'), Buffer.from(value))
  }
  return Buffer.from(builder.build(options))
}

/** The values of all records in whole batches that lie one after another, with their offsets. */
export function valuesOf(batches: Uint8Array): [offset: number, value: string][] {
  const bytes = Buffer.from(batches)
  const values: [number, string][] = []
  for (let position = 0; position < bytes.length;) {
    const reader = readRecords(bytes, { position, maxDecompressedBytes: 64 * 1024 * 1024 })
    if ('kind' in reader) throw new Error(reader.message)
    for (const { offset, value } of reader) values.push([offset, Buffer.from(value!).toString()])
    position += reader.batch.sizeInBytes
  }
  return values
}
