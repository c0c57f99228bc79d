/** A node or a command as its own process, run to its end: for what refuses to start, and what fails. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './broker-process.ts'

const MAIN = join(root, 'packages/cli/dist/main.js')

export interface Finished {
  /** null: ended by a signal. */
  readonly code: number | null
  /** Standard output and standard error, as they came. */
  readonly output: string
  readonly durationMs: number
}

/** @param timeoutMs after which the process is killed, so that a hang is a failure and not a stuck test */
export function runMillrace(args: readonly string[], timeoutMs = 20_000): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (text: Buffer) => (output += text.toString()))
    child.stderr.on('data', (text: Buffer) => (output += text.toString()))
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, output, durationMs: performance.now() - startMs })
    })
  })
}
