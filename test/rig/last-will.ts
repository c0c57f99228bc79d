/**
 * Commands that are run when this process has ended, however it did: by Ctrl-C, by SIGKILL, in the middle of a test. What
 * was cleaned up in good order is taken off the list.
 *
 * A child in a session of its own, which no signal of the terminal reaches, carries them out: it notices the end of this
 * process by the end of the pipe that it is told by.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

export interface Bequest {
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** What the child reads, a line of JSON each. */
export type WillLine = { readonly id: number; readonly add: Bequest } | { readonly id: number }

let executor: ChildProcess | null = null
let lastId = 0

/**
 * The newest are run first.
 * @returns takes the command off the list again
 */
export function bequeath(command: readonly string[], env: NodeJS.ProcessEnv): () => void {
  const id = ++lastId
  write({ id, add: { command, env } })
  return () => write({ id })
}

function write(line: WillLine): void {
  executor ??= startExecutor()
  executor.stdin!.write(`${JSON.stringify(line)}\n`)
}

function startExecutor(): ChildProcess {
  const file = join(import.meta.dirname, 'last-will-executor.ts')
  const child = spawn(process.execPath, [file], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  child.unref()
  // Else the pipe would keep this process alive, which would then never end.
  ;(child.stdin as unknown as { unref(): void }).unref()
  return child
}
