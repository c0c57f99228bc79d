/**
 * The server's log: pino behind `Log`. JSON, one object a line, for machines; readable lines on a terminal.
 */
import type { Log } from '@millrace/base'
import pino from 'pino'
import { humanLine } from './human-line.ts'

type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'
/** `auto`: `human` on a terminal, `json` otherwise. */
type LogFormat = 'auto' | 'human' | 'json'

export interface LogOptions {
  readonly level: LogLevel
  readonly format: LogFormat
}

/** A log on standard output. Lines are written before the call returns, so that none is lost when the process dies. */
export function createLog({ level, format }: LogOptions): Log {
  const human = format === 'human' || (format === 'auto' && process.stdout.isTTY)
  const destination = pino.destination({ fd: 1, sync: true })
  // A reader that went away (`millrace broker | head`) must not take the broker down.
  destination.on('error', () => {})
  const stream = human
    ? { write: (json: string) => destination.write(humanLine(json, hasColors())) }
    : destination
  return pino(
    { level, base: null, serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err } },
    stream,
  )
}

function hasColors(): boolean {
  return process.stdout.isTTY && process.stdout.hasColors()
}
