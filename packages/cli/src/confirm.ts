/** Questions before what can't be undone. */
import type { CliError } from './cli-error.ts'

/** Whether there is somebody to ask. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** @throws `refused` unless the answer is yes */
export async function confirm(question: string, refused: CliError, signal: AbortSignal): Promise<void> {
  const { createInterface } = await import('node:readline/promises')
  const dialog = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await dialog.question(`${question} [y/N] `, { signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw refused
  } finally {
    dialog.close()
  }
}
