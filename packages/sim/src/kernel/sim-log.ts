/**
 * The log of all nodes: the last lines, kept as they came and made into text only when somebody reads them.
 */
import type { Log } from '@millrace/base'
import type { Incarnation } from './incarnation.ts'
import type { Scheduler } from './scheduler.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogLine {
  readonly atMs: number
  readonly node: string
  readonly level: LogLevel
  readonly fields: object
  readonly message: string
}

export class SimLog {
  readonly #scheduler: Scheduler
  readonly #linesMax: number
  readonly #ring: LogLine[] = []
  #next = 0
  /** Called for each line, for checks that count what is logged. */
  readonly listeners: ((line: LogLine) => void)[] = []

  constructor(scheduler: Scheduler, linesMax: number) {
    this.#scheduler = scheduler
    this.#linesMax = linesMax
  }

  /** Oldest first. */
  lines(): LogLine[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)]
  }

  of(owner: Incarnation, context: object = {}): Log {
    const line = (level: LogLevel, fields: object, message: string): void => {
      owner.assertAlive()
      this.#add({
        atMs: this.#scheduler.nowMs,
        node: owner.node,
        level,
        fields: { ...context, ...fields },
        message,
      })
    }
    return {
      debug: (fields, message) => line('debug', fields, message),
      info: (fields, message) => line('info', fields, message),
      warn: (fields, message) => line('warn', fields, message),
      error: (fields, message) => line('error', fields, message),
      child: (fields) => this.of(owner, { ...context, ...fields }),
    }
  }

  #add(line: LogLine): void {
    if (this.#linesMax > 0) {
      this.#ring[this.#next] = line
      this.#next = (this.#next + 1) % this.#linesMax
    }
    for (const listener of this.listeners) listener(line)
  }
}

/** `   12.345 n101 warn message {fields}` */
export function formatLine({ atMs, node, level, fields, message }: LogLine): string {
  const suffix = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields, printable)}`
  return `${atMs.toFixed(3).padStart(12)} ${node.padEnd(6)} ${level.padEnd(5)} ${message}${suffix}`
}

function printable(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.stack ?? value.message
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Map || value instanceof Set) return [...value]
  return value
}
