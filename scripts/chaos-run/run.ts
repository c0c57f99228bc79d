/** One run: clients, faults, the last reads, and the history of all of it. */
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { HistoryRecorder } from '@millrace/checker'
import type { ChaosTarget } from './chaos-target.ts'
import { ClusterEye } from './cluster-eye.ts'
import { ControlSocket } from './control-socket.ts'
import type { FaultKind, PlannedFault } from './fault.ts'
import { Hand } from './hand.ts'
import { answerByHand } from './hand-answer.ts'
import { Nemesis, type NemesisEvents } from './nemesis.ts'
import { schedule } from './schedule.ts'
import type { View } from './view.ts'
import { Workload } from './workload.ts'

export interface RunOptions {
  readonly target: ChaosTarget
  readonly seed: number
  readonly durationMs: number
  readonly faults: readonly FaultKind[]
  readonly replicationFactor: number
  readonly topics: number
  readonly partitions: number
  readonly idempotent: boolean
  readonly kcat: string | null
  readonly historyFile: string
  readonly view: View
  /** Ends the run early; what was acknowledged until then is judged. */
  readonly signal: AbortSignal
}

export interface RunSummary {
  /** Nodes that ended though nobody ended them. */
  readonly crashes: readonly string[]
}

const STATUS_MS = 500
const SILENCE_MS = 1000
/** For the cluster to recover from the last fault, before the last reads. */
const RECOVERY_MS = 60_000

/** Resolves when the history is complete. */
export async function runChaos(options: RunOptions): Promise<RunSummary> {
  const file = createWriteStream(options.historyFile)
  const recorder = new HistoryRecorder(
    () => Math.round(performance.now()),
    (text) => file.write(text),
  )
  recorder.record({
    proc: 'harness',
    f: 'mode',
    type: 'ok',
    mops: [['m', { idempotent: options.idempotent }]],
  })
  try {
    return await new Run(options, recorder).run()
  } finally {
    file.end()
    await finished(file)
  }
}

class Run {
  readonly #options: RunOptions
  readonly #workload: Workload
  readonly #recorder: HistoryRecorder
  readonly #topics: readonly string[]
  readonly #crashes = new Set<string>()
  #startMs = 0
  #now = ''
  #isWriting = true

  constructor(options: RunOptions, recorder: HistoryRecorder) {
    this.#options = options
    this.#recorder = recorder
    this.#topics = Array.from({ length: options.topics }, (_, index) => `chaos-${index}`)
    const { partitions, replicationFactor, idempotent, kcat, target } = options
    this.#workload = new Workload({
      bootstrap: target.bootstrap,
      topics: this.#topics,
      partitions,
      replicationFactor,
      idempotent,
      kcat,
      recorder,
    })
  }

  async run(): Promise<RunSummary> {
    const { target, seed, durationMs, faults, signal } = this.#options
    await this.#workload.createTopics()
    await using parts = new AsyncDisposableStack()
    const eye = parts.use(
      new ClusterEye({ bootstrap: target.bootstrap, topics: this.#topics, nodes: target.nodes }),
    )
    const nemesis = new Nemesis({ target, recorder: this.#recorder, eye, events: this.#events() })
    parts.use(await this.#takeCommands(nemesis))
    this.#startMs = performance.now()
    const planned = schedule({ seed, durationMs, faults, nodes: target.nodes })
    this.#say(`${planned.length} faults planned by seed ${seed}`)
    const writing = this.#workload.run()
    const showing = this.#keepShowing()
    try {
      await nemesis.run(planned, durationMs, signal)
      await rest(this.#startMs + durationMs - performance.now(), signal)
    } finally {
      this.#workload.stop()
      await writing
      this.#isWriting = false
      await showing
    }
    await this.#recover(eye)
    this.#say('reading everything with fresh clients')
    await this.#workload.readAll()
    return { crashes: [...this.#crashes] }
  }

  /** What is broken by hand still is. */
  async #recover(eye: ClusterEye): Promise<void> {
    const { target } = this.#options
    this.#say('writers have stopped; waiting for all replicas to be in sync')
    await target.heal()
    for (const [name, state] of await target.states()) {
      if (state === 'paused') await target.resume(name)
      if (state === 'down') await target.start(name)
    }
    const isInSync = await eye.allInSync(RECOVERY_MS, new AbortController().signal)
    if (!isInSync) this.#say(`not all replicas are in sync ${RECOVERY_MS / 1000} s after the last fault`)
    for (const crash of await target.crashes()) this.#crashes.add(crash)
  }

  async #takeCommands(nemesis: Nemesis): Promise<ControlSocket | null> {
    const hand = new Hand(this.#options.target, {
      began: (kind, node) => nemesis.began(kind, node),
      ended: (kind, node) => nemesis.ended(kind, node),
    })
    const control = await ControlSocket.open((words) => {
      this.#say(`☞ ${words.join(' ')}`)
      return answerByHand(hand, words)
    })
    this.#say(
      control === null ? 'another run takes the commands' : 'takes commands, such as: scripts/chaos status',
    )
    return control
  }

  #events(): NemesisEvents {
    return {
      onFault: (fault, node) => {
        this.#now = nameOf(fault, node)
        this.#say(`✗ ${this.#now}${fault.skewMs === 0 ? '' : ` by ${fault.skewMs / 1000} s`}`)
      },
      onHealed: (fault, node) => {
        this.#now = ''
        this.#say(`✓ ${nameOf(fault, node)} is over`)
      },
      onSkipped: (fault, reason) => this.#say(`– ${nameOf(fault, fault.aim)} left out: ${reason}`),
      onCrash: (crash) => {
        this.#crashes.add(crash)
        this.#say(`! ${crash}`)
      },
    }
  }

  async #keepShowing(): Promise<void> {
    while (this.#isWriting) {
      await this.#showStatus()
      await delay(STATUS_MS)
    }
  }

  async #showStatus(): Promise<void> {
    const { durationMs, view, target } = this.#options
    const { acknowledged, uncertain, silentMs } = this.#workload.progress
    const silence = silentMs > SILENCE_MS ? `, none for ${(silentMs / 1000).toFixed(1)} s` : ''
    const total = (durationMs / 1000).toFixed(0)
    const progress = `${this.#elapsed()} of ${total} s  ${acknowledged} acknowledged, ${uncertain} uncertain${silence}`
    if (!view.isLive) return view.status([progress])
    const states = await target.states()
    view.status([
      progress,
      [...states].map(([name, state]) => `${MARKS[state]} ${name}`).join('  '),
      this.#now === '' ? 'nothing is broken' : `broken: ${this.#now}`,
    ])
  }

  #say(what: string): void {
    const time = this.#startMs === 0 ? ''.padStart(8) : this.#elapsed()
    this.#options.view.say(`${time}  ${what}`)
  }

  #elapsed(): string {
    return `${((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(6)} s`
  }
}

const MARKS = { running: '●', paused: '◌', down: '✗' } as const

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    // cut short: what there is is judged
    if (!signal.aborted) throw error
  }
}

function nameOf({ kind }: PlannedFault, node: string | null): string {
  return node === null ? kind : `${kind} ${node}`
}
