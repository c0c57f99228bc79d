/**
 * What checking costs: node --conditions=source packages/checker/test/bench/history-checker.ts [records] [texts]
 *
 * A healthy run in a temporary file: records by 8 writers on 12 partitions, two lines each; each record read twice, by a
 * reader and by the final read, 50 a poll; every 23rd operation a transaction of 4 records. One thread. Time is from the
 * first byte of the file (in the page cache) to the verdict. Values are numbers; as `texts` they cost more.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  formatHistoryLine,
  HistoryChecker,
  HistoryReader,
  type Mop,
  type Value,
  verdictOf,
} from '../../src/index.ts'

const RECORDS = Number(process.argv[2] ?? 1_000_000)
const TEXTS = process.argv[3] === 'texts'
const KEYS = Array.from({ length: 12 }, (_, at) => `flights-${at}`)
const WRITERS = 8
const POLL_RECORDS = 50
const TRANSACTION_EVERY = 23
const TRANSACTION_RECORDS = 4
const CHUNK_BYTES = 1 << 16

/** Record number n is at offset n / 12 of partition n % 12. */
function valueOf(record: number): Value {
  return TEXTS ? `writer-${record % WRITERS}-${record}-5f3a` : record
}

/** The run as text, in pieces that are worth a write. */
function* chunks(): Generator<string> {
  let text = ''
  for (const line of lines()) {
    text += line
    if (text.length < CHUNK_BYTES) continue
    yield text
    text = ''
  }
  yield text
}

function* lines(): Generator<string> {
  let i = 0
  const write = (proc: string, f: 'send' | 'txn' | 'poll' | 'final', type: 'invoke' | 'ok', mops: Mop[]) =>
    formatHistoryLine({ i: i++, proc, f, type, t: i / 100, mops })
  for (let sent = 0, operation = 0; sent < RECORDS; operation += 1) {
    const f = operation % TRANSACTION_EVERY === 0 ? 'txn' : 'send'
    const records = Array.from({ length: f === 'txn' ? TRANSACTION_RECORDS : 1 }, (_, at) => sent + at)
    sent += records.length
    const proc = `writer-${operation % WRITERS}`
    const send = (record: number, offset: number | null): Mop => [
      's',
      KEYS[record % KEYS.length]!,
      offset,
      valueOf(record),
    ]
    yield write(
      proc,
      f,
      'invoke',
      records.map((record) => send(record, null)),
    )
    yield write(
      proc,
      f,
      'ok',
      records.map((record) => send(record, Math.floor(record / KEYS.length))),
    )
    for (const record of records) {
      const offset = Math.floor(record / KEYS.length)
      if (offset % POLL_RECORDS === POLL_RECORDS - 1)
        yield write('reader', 'poll', 'ok', [poll(record % KEYS.length, offset + 1 - POLL_RECORDS, sent)])
    }
    if (sent >= RECORDS) for (const key of KEYS.keys()) yield* finalRead(key, sent, write)
  }
}

function* finalRead(
  key: number,
  sent: number,
  write: (proc: string, f: 'poll' | 'final', type: 'ok', mops: Mop[]) => string,
): Generator<string> {
  const endOffset = Math.ceil((sent - key) / KEYS.length)
  for (let offset = 0; offset < endOffset; offset += POLL_RECORDS)
    yield write('final', 'poll', 'ok', [poll(key, offset, sent)])
  yield write('final', 'final', 'ok', [['e', KEYS[key]!, endOffset]])
}

function poll(key: number, from: number, sent: number): Mop {
  const records: [number, Value][] = []
  for (let offset = from; offset < from + POLL_RECORDS; offset += 1) {
    const record = offset * KEYS.length + key
    if (record < sent) records.push([offset, valueOf(record)])
  }
  return ['p', { [KEYS[key]!]: records }]
}

interface Cost {
  readonly wallMs: number
  /** Of all threads of the machine that worked for us, the garbage collector's too. */
  readonly cpuMs: number
}

function costOf(run: () => void): Cost {
  const start = performance.now()
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return { wallMs: performance.now() - start, cpuMs: (user + system) / 1000 }
}

function shown({ wallMs, cpuMs }: Cost): string {
  return `${(wallMs / 1000).toFixed(2)} s (CPU ${(cpuMs / 1000).toFixed(2)} s)`
}

/** @returns bytes */
function writeHistory(path: string): number {
  const file = openSync(path, 'w')
  let bytes = 0
  for (const chunk of chunks()) bytes += writeSync(file, chunk)
  closeSync(file)
  return bytes
}

function readHistory(path: string, reader: HistoryReader): void {
  const file = openSync(path, 'r')
  const chunk = Buffer.alloc(CHUNK_BYTES)
  const decoder = new TextDecoder()
  for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk))
    reader.push(decoder.decode(chunk.subarray(0, length), { stream: true }))
  closeSync(file)
  reader.end()
}

function measure(path: string): void {
  const bytes = writeHistory(path)
  const checker = new HistoryChecker()
  const reader = new HistoryReader((line) => checker.add(line))
  const reading = costOf(() => readHistory(path, reader))
  let count = 0
  const judging = costOf(() => {
    const report = checker.finish()
    count = report.lines
    console.log(verdictOf(report).text)
  })
  const total: Cost = {
    wallMs: reading.wallMs + judging.wallMs,
    cpuMs: reading.cpuMs + judging.cpuMs,
  }
  console.log(
    [
      `${RECORDS} records, ${count} lines, ${(bytes / 1e6).toFixed(0)} MB of text, Node ${process.version}`,
      `reading ${shown(reading)}, judging ${shown(judging)}, together ${shown(total)}`,
      `${Math.round(RECORDS / (total.wallMs / 1000))} records/s`,
      `peak RSS ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`,
    ].join('\n'),
  )
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-checker-'))
try {
  measure(join(directory, 'history.jsonl'))
} finally {
  rmSync(directory, { recursive: true })
}
