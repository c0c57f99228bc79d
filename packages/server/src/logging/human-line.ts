/**
 * One line of log for people: time, level, message, then the fields. Input is a line of pino's JSON, so that both
 * formats show the same events.
 */
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

const LEVELS: ReadonlyMap<number, { readonly name: string; readonly style: Style }> = new Map([
  [10, { name: 'TRACE', style: 'dim' }],
  [20, { name: 'DEBUG', style: 'dim' }],
  [30, { name: 'INFO ', style: 'green' }],
  [40, { name: 'WARN ', style: 'yellow' }],
  [50, { name: 'ERROR', style: 'red' }],
  [60, { name: 'FATAL', style: ['red', 'bold'] }],
])

/** @param colors whether escape sequences may be used */
export function humanLine(json: string, colors: boolean): string {
  const { level, time, msg, error, err, ...fields } = JSON.parse(json) as Record<string, unknown>
  const paint = (style: Style, text: string): string =>
    colors ? styleText(style, text, { validateStream: false }) : text
  const { name, style } = LEVELS.get(Number(level)) ?? { name: 'LOG  ', style: 'dim' as Style }

  const parts = [paint('dim', timeOfDay(Number(time))), paint(style, name), text(msg ?? '')]
  const failure = (error ?? err) as { message?: unknown } | string | undefined
  const message = typeof failure === 'object' ? failure.message : failure
  const shown = message === undefined ? fields : { ...fields, error: message }
  for (const [key, value] of Object.entries(shown)) parts.push(paint('dim', `${key}=`) + text(value))

  const stack = typeof failure === 'object' ? (failure as { stack?: unknown }).stack : undefined
  const tail = typeof stack === 'string' && Number(level) >= 50 ? '\n' + paint('dim', stack) : ''
  return parts.join(' ') + tail + '\n'
}

function timeOfDay(wallMs: number): string {
  const date = new Date(wallMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const ms = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`
}

function text(value: unknown): string {
  if (typeof value === 'string') return value.replaceAll('\n', '\\n')
  return JSON.stringify(value)
}
