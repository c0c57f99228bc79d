/**
 * What happened, as a running hash: two simulations are the same if and only if their hashes are. Optionally the
 * events themselves too, for a sequence chart.
 */
import { crc32c } from '@millrace/base'

/** Kinds of events; the numbers go into the hash. */
export const EventKind = {
  task: 0,
  timer: 1,
  turn: 2,
  arrive: 3,
  deliver: 4,
  accept: 5,
  written: 6,
  close: 7,
  dial: 8,
  listen: 9,
  sync: 10,
  job: 11,
  fault: 12,
  start: 13,
  diskWrite: 14,
  data: 15,
} as const

export type EventKind = (typeof EventKind)[keyof typeof EventKind]

export interface TraceLine {
  readonly atMs: number
  readonly kind: keyof typeof EventKind
  /** Node whose code ran; null for the world's own events. */
  readonly node: string | null
  readonly detail: string
}

const KIND_NAMES = Object.keys(EventKind) as (keyof typeof EventKind)[]

const PRIME_A = 0x9e3779b1
const PRIME_B = 0x85ebca77

export class Trace {
  /** Recorded lines, when recording; else empty. */
  readonly lines: TraceLine[] = []
  readonly #recording: boolean
  #a = 0x243f6a88
  #b = 0x13198a2e
  readonly #time = new Float64Array(1)
  readonly #timeWords = new Uint32Array(this.#time.buffer)

  constructor({ recording = false }: { readonly recording?: boolean | undefined } = {}) {
    this.#recording = recording
  }

  get isRecording(): boolean {
    return this.#recording
  }

  event(atMs: number, kind: EventKind, owner: number): void {
    this.#time[0] = atMs
    this.#mix(this.#timeWords[0]! ^ (kind << 24), this.#timeWords[1]! ^ owner)
  }

  /** Two numbers that fingerprint what an event carries. */
  note(first: number, second: number): void {
    this.#mix(first, second)
  }

  bytes(content: Uint8Array): void {
    this.#mix(content.length, crc32c(content))
  }

  /** A line for the chart. Call only when `isRecording`, so that nobody formats for nothing. */
  line(atMs: number, kind: EventKind, node: string | null, detail: string): void {
    this.lines.push({ atMs, kind: KIND_NAMES[kind]!, node, detail })
  }

  /** 16 hexadecimal digits */
  get hash(): string {
    return [finish(this.#a ^ this.#b), finish(this.#b ^ PRIME_A)]
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('')
  }

  #mix(first: number, second: number): void {
    const a = Math.imul(this.#a ^ first, PRIME_A)
    const b = Math.imul(this.#b ^ second, PRIME_B)
    // Each lane takes from the other, so that together they are one state of 64 bits.
    this.#a = (a ^ (a >>> 15)) + b
    this.#b = b ^ (b >>> 13) ^ ((a << 5) | (a >>> 27))
  }
}

function finish(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return (h ^ (h >>> 16)) >>> 0
}
