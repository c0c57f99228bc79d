/**
 * The logs that need no dependency: none at all, and plain lines on standard error. A server passes a better one.
 */
import type { Log } from '../env.ts'

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
}

/** One line per message, `level message {fields}`; `debug` is left out. */
export function stderrLog(context: object = {}): Log {
  const line = (level: string, fields: object, message: string): void => {
    const all = { ...context, ...fields }
    const suffix = Object.keys(all).length === 0 ? '' : ` ${JSON.stringify(all, errorAsMessage)}`
    process.stderr.write(`${level} ${message}${suffix}\n`)
  }
  return {
    debug() {},
    info: (fields, message) => line('info', fields, message),
    warn: (fields, message) => line('warn', fields, message),
    error: (fields, message) => line('error', fields, message),
    child: (fields) => stderrLog({ ...context, ...fields }),
  }
}

function errorAsMessage(_key: string, value: unknown): unknown {
  return value instanceof Error ? (value.stack ?? value.message) : value
}
