/**
 * One node as a process of its own, started again with growing pauses when it dies.
 *
 * Owns: the process and its log file. Knows nothing of clusters.
 * Invariant: at most one process; none is started after `stop`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'

export interface NodeCommand {
  /** For Node: its own options, the script, the script's arguments. */
  readonly args: readonly string[]
  readonly logFile: string
}

export interface NodeExit {
  /** Exit code, or the name of the signal that ended it. */
  readonly how: number | string
  /** The last lines that it printed, oldest first. */
  readonly lastLines: readonly string[]
  /** Until it is started again. */
  readonly restartInMs: number
}

export interface NodeProcessEvents {
  /** The process ended without being asked to. */
  onExit(exit: NodeExit): void
}

const BACKOFF_MS = 500
const BACKOFF_MAX_MS = 10_000
/** A process that ran this long was healthy: the next pause is short again. */
const HEALTHY_MS = 30_000
const LAST_LINES = 8
const LOG_TAIL_BYTES = 8192

export class NodeProcess {
  readonly #command: NodeCommand
  readonly #events: NodeProcessEvents
  #child: ChildProcess | null = null
  #startedMs = 0
  #deaths = 0
  #timer: NodeJS.Timeout | null = null
  #stopping = false

  constructor(command: NodeCommand, events: NodeProcessEvents) {
    this.#command = command
    this.#events = events
  }

  /** Null while it does not run. */
  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  /** Starts a new log file. */
  start(): void {
    this.#spawn('w')
  }

  /** Sends SIGTERM, and SIGKILL after `graceMs`. @returns whether it ended by itself with exit code 0 */
  async stop(graceMs: number): Promise<boolean> {
    this.#stopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    const child = this.#child
    if (child === null) return true
    const deadline = setTimeout(() => child.kill('SIGKILL'), graceMs)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    const [code] = (await exited) as [number | null]
    clearTimeout(deadline)
    return code === 0
  }

  /** The end of its log. */
  lastLines(): string[] {
    const text = readFileSync(this.#command.logFile)
    const lines = text.subarray(-LOG_TAIL_BYTES).toString().trimEnd().split('\n')
    return lines.slice(-LAST_LINES)
  }

  #spawn(mode: 'w' | 'a'): void {
    const log = openSync(this.#command.logFile, mode)
    // A group of its own: Ctrl-C in the terminal must reach only us, who then stop the nodes in their order. The channel
    // tells the node when we are gone, whatever ended us.
    const child = spawn(process.execPath, this.#command.args, {
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    })
    closeSync(log)
    child.channel?.unref()
    this.#child = child
    this.#startedMs = performance.now()
    child.once('exit', (code, signal) => this.#onExit(code ?? signal ?? 'unknown'))
  }

  #onExit(how: number | string): void {
    this.#child = null
    if (this.#stopping) return
    if (performance.now() - this.#startedMs >= HEALTHY_MS) this.#deaths = 0
    const restartInMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.#deaths)
    this.#deaths++
    this.#timer = setTimeout(() => this.#spawn('a'), restartInMs)
    this.#events.onExit({ how, lastLines: this.lastLines(), restartInMs })
  }
}
