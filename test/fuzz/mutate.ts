/**
 * Seeded mutation of known-good inputs, for fuzzing decoders. The same seed, corpus and dictionary give the same
 * inputs, so a failure is replayed by its seed alone.
 *
 * Owns: randomness and mutation. Must not know: any format; repairing checksums is the caller's part.
 */
export interface FuzzOptions {
  readonly seed: number
  readonly executions: number
  readonly corpus: readonly Uint8Array[]
  /** Byte strings that mean something to the format: magics, markers, borders of length fields. */
  readonly dictionary?: readonly Uint8Array[]
  /** Gets bytes of its own, of exactly the input's size; whatever it throws is a finding. */
  readonly run: (input: Buffer, random: Random) => void
}

/** Uniform integers from 0 to `limit` − 1. */
type Random = (limit: number) => number

type Mutation = (input: Buffer, random: Random, options: FuzzOptions) => Buffer

const LIES = [0, 1, -1, 2, 12, 127, 128, 255, 256, 0x7fff, 0xffff, 0x10000, 0x7fffffff, -0x80000000]
const MUTATIONS: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  lie,
  lie,
  truncate,
  cut,
  double,
  splice,
  insert,
]
const MAX_INPUT_BYTES = 1 << 16

/** Runs mutants of the corpus; a throw is wrapped in an error that names the seed, the execution and the input. */
export function fuzz(options: FuzzOptions): void {
  const random = seeded(options.seed)
  for (let execution = 0; execution < options.executions; execution++) {
    const input = mutant(random, options)
    try {
      options.run(input, random)
    } catch (error) {
      const where = `seed ${options.seed}, execution ${execution}, input ${input.toString('hex')}`
      throw new Error(`fuzz: ${error instanceof Error ? error.message : String(error)} (${where})`, {
        cause: error,
      })
    }
  }
}

/** xorshift32 with a multiplicative finish: fast, repeatable, good enough to choose positions. */
function seeded(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(((Math.imul(state, 0x2c1b3c6d) >>> 0) / 2 ** 32) * limit)
  }
}

function mutant(random: Random, options: FuzzOptions): Buffer {
  let input: Buffer = Buffer.from(pick(options.corpus, random))
  for (let rounds = 1 + random(4); rounds > 0; rounds--)
    input = pick(MUTATIONS, random)(input, random, options)
  const exact = Buffer.allocUnsafeSlow(Math.min(input.length, MAX_INPUT_BYTES))
  exact.set(input.subarray(0, exact.length))
  return exact
}

function flipBit(input: Buffer, random: Random): Buffer {
  if (input.length > 0) input[random(input.length)]! ^= 1 << random(8)
  return input
}

function setByte(input: Buffer, random: Random): Buffer {
  if (input.length > 0) input[random(input.length)] = random(2) === 0 ? random(256) : pick(LIES, random)
  return input
}

/** Writes a number that breaks naive length handling, as one to four bytes of either byte order. */
function lie(input: Buffer, random: Random): Buffer {
  const width = Math.min(1 << random(3), input.length)
  if (width === 0) return input
  const value = random(3) === 0 ? input.length - random(16) : pick(LIES, random)
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  if (random(4) === 0) bytes.reverse()
  input.set(bytes.subarray(4 - width), random(input.length - width + 1))
  return input
}

function truncate(input: Buffer, random: Random): Buffer {
  return input.subarray(0, random(input.length + 1))
}

function cut(input: Buffer, random: Random): Buffer {
  const start = random(input.length + 1)
  return Buffer.concat([input.subarray(0, start), input.subarray(start + random(16))])
}

function double(input: Buffer, random: Random): Buffer {
  const start = random(input.length + 1)
  return Buffer.concat([
    input.subarray(0, start),
    input.subarray(start - random(start + 1), start),
    input.subarray(start),
  ])
}

function splice(input: Buffer, random: Random, options: FuzzOptions): Buffer {
  const other = pick(options.corpus, random)
  return Buffer.concat([
    input.subarray(0, random(input.length + 1)),
    other.subarray(random(other.length + 1)),
  ])
}

function insert(input: Buffer, random: Random, options: FuzzOptions): Buffer {
  if (options.dictionary === undefined || options.dictionary.length === 0) return input
  const word = pick(options.dictionary, random)
  const start = random(input.length + 1)
  const keepLength = random(2) === 0
  return Buffer.concat([
    input.subarray(0, start),
    word,
    input.subarray(keepLength ? start + word.length : start),
  ])
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)]!
}
