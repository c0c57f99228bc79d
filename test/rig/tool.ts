/** Programs that tests drive but did not write: found or named as missing, run with their input and output as bytes. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export interface ToolResult {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs to the end. `input` is written to its stdin. */
export function runTool(program: string, args: readonly string[], input?: Uint8Array): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }))
    // a program that ends before it has read everything reports that by its exit code
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

/** The tool's path, or null with a loud line that says what is not tested for want of it. */
export function findTool(program: string, debianPackage: string): string | null {
  const path = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim()
  if (path !== '') return path
  console.warn(`NOT TESTED: ${program} is missing (Debian: apt-get install ${debianPackage})`)
  return null
}

/** Debian's Python with Debian's kafka-python: the interpreter that apt's packages belong to, whatever else is on PATH. */
export function findKafkaPython(): string | null {
  const python = '/usr/bin/python3'
  const works = existsSync(python) && spawnSync(python, ['-c', 'import kafka']).status === 0
  if (works) return python
  console.warn('NOT TESTED: kafka-python is missing (Debian: apt-get install python3-kafka)')
  return null
}
