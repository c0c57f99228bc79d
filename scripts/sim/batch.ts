/** Many seeds in worker processes, and what came of them all together. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import type { CoreName } from './core-run.ts'

export interface SeedLine {
  /** Of a scenario that was kept, or 0 of one that is written by hand. */
  readonly seed: number
  /** Of such a scenario. */
  readonly name?: string
  readonly hash: string
  readonly events: number
  readonly virtualMs: number
  readonly faults: Readonly<Record<string, number>>
  readonly violation: {
    readonly message: string
    readonly invariant: string
    readonly step: number
    readonly atMs: number
  } | null
}

/**
 * `seeds`: whole clusters by seed. `scripted`: whole clusters in the scenarios written by hand; `regressions`: in those that
 * were kept. A core: it alone, in text scenarios and by seed.
 */
export type RunKind = 'seeds' | 'scripted' | 'regressions' | CoreName

export interface WorkerRange {
  readonly from: number
  readonly step: number
  readonly to?: number
  readonly seconds?: number
  readonly stopAtFirst?: boolean
  /** What runs; `seeds` when not given. */
  readonly kind?: RunKind
  /** Environment on top of this process's. */
  readonly variables?: Readonly<Record<string, string>>
}

const WORKER = new URL('seed-worker.ts', import.meta.url).pathname

/** @param onLine told of each seed as it is done. @returns exit code of the worker. @throws Error when a signal ended it */
export function runWorker(range: WorkerRange, onLine: (line: SeedLine) => void): Promise<number> {
  const { from, step, to, seconds, stopAtFirst = false, kind = 'seeds', variables = {} } = range
  const args = ['--conditions=source', WORKER, '--kind', kind, '--from', String(from), '--step', String(step)]
  if (to !== undefined) args.push('--to', String(to))
  if (seconds !== undefined) args.push('--seconds', String(seconds))
  if (stopAtFirst) args.push('--stop-at-first')
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  })
  createInterface({ input: child.stdout }).on('line', (text) => onLine(JSON.parse(text) as SeedLine))
  return new Promise((resolve, reject) =>
    child.on('close', (code, signal) => {
      if (code === null) reject(new Error(`${signal} has ended the worker ${args.join(' ')}`))
      else resolve(code)
    }),
  )
}

/** The seeds from `from` on, spread over workers. */
export async function runBatch(
  range: Omit<WorkerRange, 'step'>,
  workers: number,
  onLine: (line: SeedLine) => void,
): Promise<SeedLine[]> {
  const lines: SeedLine[] = []
  const codes = await Promise.all(
    Array.from({ length: workers }, (_, i) =>
      runWorker({ ...range, from: range.from + i, step: workers }, (line) => {
        lines.push(line)
        onLine(line)
      }),
    ),
  )
  const failed = codes.find((code) => code !== 0)
  if (failed !== undefined) throw new Error(`a worker ended with code ${failed}`)
  return lines.toSorted((a, b) => a.seed - b.seed)
}

/** One hash for all: the same for the same seeds in the same state of the code. */
export function combinedHash(lines: readonly SeedLine[]): string {
  const text = lines.map(({ seed, hash }) => `${seed} ${hash}`).join('\n')
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

export function summary(lines: readonly SeedLine[]): string {
  const faults = new Map<string, number>()
  let [events, virtualMs] = [0, 0]
  for (const line of lines) {
    events += line.events
    virtualMs += line.virtualMs
    for (const [kind, count] of Object.entries(line.faults)) faults.set(kind, (faults.get(kind) ?? 0) + count)
  }
  const failed = lines.filter(({ violation }) => violation !== null).length
  const byKind = [...faults]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([kind, count]) => `${kind} ${count}`)
  return (
    `${lines.length} seeds, ${events} events, ${(virtualMs / 3_600_000).toFixed(2)} virtual hours, ` +
    `faults: ${byKind.join(', ') || 'none'}; ${failed} violations`
  )
}
