/** The command line as tests call it: in a process of its own, as people run it, or within this one. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { runProgram } from '../src/program.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** In a process of its own, from the sources. */
export function runCli(
  args: readonly string[],
  { input = '', environment = {} }: { input?: string; environment?: Record<string, string> } = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=source', MAIN, ...args], {
      env: { ...process.env, NO_COLOR: '1', ...environment },
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    })
    // A command that ends before it has read its input closes the pipe: no failure of the test.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/** The same within this process, for tests of what a command does rather than of how its process ends. */
export async function callCli(args: readonly string[]): Promise<CliResult> {
  const stdout = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const textOf = ({ mock }: typeof stdout): string =>
    Buffer.concat(mock.calls.map(([chunk]) => Buffer.from(chunk))).toString()
  try {
    const code = await runProgram(args)
    return { code, stdout: textOf(stdout), stderr: textOf(stderr) }
  } finally {
    stdout.mockRestore()
    stderr.mockRestore()
  }
}

/** The lines of JSON that a command printed. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
