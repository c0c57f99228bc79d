/** What the demo prints: one line per step, styled on a terminal and plain elsewhere. */
import { styleText } from 'node:util'

const LABEL_WIDTH = 34

export function title(text: string): void {
  process.stdout.write(`\n${paint('bold', text)}\n\n`)
}

/** A step that went well. */
export function step(label: string, detail: string): void {
  process.stdout.write(`  ${paint('green', '✔')} ${label.padEnd(LABEL_WIDTH)} ${paint('dim', detail)}\n`)
}

/** A step that did not. */
export function failure(label: string, details: readonly string[]): void {
  process.stdout.write(
    `  ${paint('red', '✘')} ${label}\n${details.map((line) => `      ${line}\n`).join('')}`,
  )
}

export function fact(label: string, text: string): void {
  process.stdout.write(`  ${paint('cyan', label.padEnd(10))} ${text}\n`)
}

export function blank(): void {
  process.stdout.write('\n')
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}

function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stdout, validateStream: true })
}
