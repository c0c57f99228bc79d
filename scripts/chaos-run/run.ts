/** One run: a cluster, clients, faults, the last reads, and the history of all of it. */
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { HistoryRecorder } from '@millrace/checker'
import type { ChaosTarget } from './chaos-target.ts'
import type { FaultKind, PlannedFault } from './fault.ts'
import { Nemesis } from './nemesis.ts'
import { schedule } from './schedule.ts'
import { Workload } from './workload.ts'

export interface RunOptions {
  readonly target: ChaosTarget
  readonly seed: number
  readonly durationMs: number
  readonly faults: readonly FaultKind[]
  readonly replicationFactor: number
  readonly partitions: number
  readonly historyFile: string
  print(line: string): void
}

const TOPIC = 'chaos'
const STATUS_MS = 1000

/** Resolves when the history is complete. */
export async function runChaos(options: RunOptions): Promise<void> {
  const { target, seed, durationMs, faults, replicationFactor, partitions, historyFile, print } = options
  const file = createWriteStream(historyFile)
  const recorder = new HistoryRecorder(
    () => Math.round(performance.now()),
    (text) => file.write(text),
  )
  // Our producers repeat a batch whose answer was lost: it may be stored twice.
  recorder.record({ proc: 'harness', f: 'mode', type: 'ok', mops: [['m', { idempotent: false }]] })
  const workload = new Workload({
    bootstrap: target.bootstrap,
    topic: TOPIC,
    partitions,
    replicationFactor,
    recorder,
  })
  await workload.createTopic()
  const startMs = performance.now()
  const elapsed = (): string => `${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s`
  const say = (what: string): void => print(`${elapsed()}  ${what}`)
  const nemesis = new Nemesis(target, recorder, {
    onFault: (fault) => say(`✗ ${nameOf(fault)}`),
    onHealed: (fault) => say(`✓ ${nameOf(fault)} is over`),
  })
  const planned = schedule({ seed, durationMs, faults, nodes: target.nodes })
  say(`${planned.length} faults planned by seed ${seed}`)
  const { progress } = workload
  const status = setInterval(() => {
    const silentMs = performance.now() - progress.acknowledgedAtMs
    const pause = silentMs > STATUS_MS ? `, none for ${(silentMs / 1000).toFixed(1)} s` : ''
    say(`  ${progress.acknowledged} acknowledged, ${progress.uncertain} uncertain${pause}`)
  }, STATUS_MS)
  const writing = workload.write()
  try {
    await nemesis.run(planned, startMs)
    await settle(startMs + durationMs - performance.now())
  } finally {
    workload.stop()
    await writing
    clearInterval(status)
  }
  say('writers have stopped; reading everything with fresh clients')
  await workload.readAll()
  file.end()
  await finished(file)
}

async function settle(restMs: number): Promise<void> {
  if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs))
}

function nameOf({ kind, node }: PlannedFault): string {
  return node === null ? kind : `${kind} ${node}`
}
