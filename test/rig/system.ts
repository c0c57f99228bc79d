/**
 * The brokers a benchmark compares: each started fresh as its own process on loopback, measured from outside through
 * /proc (Linux), stopped by pid.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { accepts, freePort, root } from './broker-process.ts'
import { installedMain } from './installed-main.ts'

const run = promisify(execFile)
const kafkaPort = 19592

export interface RunningSystem {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly bootstrap: string
  /** Milliseconds from spawning the process to the first answered connection. */
  readonly startMs: number
  createTopic(name: string, partitions: number): Promise<void>
  stop(): Promise<void>
}

interface SystemOptions {
  /** Pin the broker to these processors (taskset syntax). */
  readonly pin?: string
}

export interface System {
  readonly name: string
  start(options?: SystemOptions): Promise<RunningSystem>
}

/** What a process has used so far. Memory in MB, `peakMb` since its start. */
export interface Usage {
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly rssMb: number
  readonly peakMb: number
}

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mb = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024
  return {
    userSeconds: Number(fields[11]) / 100,
    systemSeconds: Number(fields[12]) / 100,
    rssMb: mb('VmRSS'),
    peakMb: mb('VmHWM'),
  }
}

export function used(before: Usage, after: Usage): { userSeconds: number; systemSeconds: number } {
  return {
    userSeconds: after.userSeconds - before.userSeconds,
    systemSeconds: after.systemSeconds - before.systemSeconds,
  }
}

/** Millrace from this checkout, bundled as it is installed, with the given flush policy. */
export function millrace(flush: 'os' | 'commit'): System {
  return {
    name: `millrace ${flush}`,
    async start(options = {}) {
      const port = await freePort()
      const data = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
      const command = [
        process.execPath,
        installedMain(),
        'broker',
        '--listen',
        `127.0.0.1:${port}`,
        '--data',
        data,
        '--flush',
        flush,
      ]
      const startedMs = performance.now()
      const child = spawnPinned(command, options.pin)
      await answering(port, child)
      const startMs = performance.now() - startedMs
      return {
        name: this.name,
        pid: child.pid!,
        port,
        bootstrap: `127.0.0.1:${port}`,
        startMs,
        createTopic: async (name, partitions) => {
          const flags = [
            'topic',
            'create',
            name,
            '--partitions',
            String(partitions),
            '--bootstrap',
            `127.0.0.1:${port}`,
          ]
          await run(join(root, 'scripts/millrace'), flags)
        },
        stop: async () => {
          await stopped(child)
          rmSync(data, { recursive: true, force: true })
        },
      }
    },
  }
}

/** Apache Kafka through scripts/kafka, one combined node. */
const kafka: System = {
  name: 'kafka',
  async start(options = {}) {
    const data = join(root, '.cache/kafka-bench')
    const env = { ...process.env, KAFKA_PORT: String(kafkaPort), KAFKA_DATA: data }
    const script = join(root, 'scripts/kafka')
    const pinned = options.pin === undefined ? [script] : ['taskset', '-c', options.pin, script]
    await run(script, ['format'], { env })
    const startedMs = performance.now()
    await run(pinned[0]!, [...pinned.slice(1), 'start'], { env })
    const startMs = performance.now() - startedMs
    return {
      name: this.name,
      pid: Number(readFileSync(join(data, 'node1/pid'), 'utf8')),
      port: kafkaPort,
      bootstrap: `127.0.0.1:${kafkaPort}`,
      startMs,
      createTopic: async (name, partitions) => {
        const flags = [
          '--wire',
          'kafka',
          '--partitions',
          String(partitions),
          '--bootstrap',
          `127.0.0.1:${kafkaPort}`,
        ]
        await run(join(root, 'scripts/millrace'), ['topic', 'create', name, ...flags])
      },
      stop: async () => {
        await run(script, ['down'], { env })
        rmSync(data, { recursive: true, force: true })
      },
    }
  },
}

/** Systems by the names that benchmarks take, comma-separated. */
export function systemsNamed(names: string): System[] {
  const available = new Map<string, System>([
    ['kafka', kafka],
    ['millrace', millrace('os')],
    ['millrace-commit', millrace('commit')],
  ])
  return names.split(',').map((name) => {
    const system = available.get(name)
    if (system === undefined)
      throw new Error(`no system '${name}'; there are: ${[...available.keys()].join(', ')}`)
    return system
  })
}

/** Builds a C program of this folder once per change of its source; says what to install where that fails. */
export function compiled(name: 'load' | 'paced' | 'replay' | 'steady'): string {
  const folder = join(root, '.cache/bench')
  mkdirSync(folder, { recursive: true })
  const binary = join(folder, name)
  const libraries = name === 'replay' ? [] : ['-lrdkafka', '-lpthread']
  try {
    execFileSync('gcc', ['-O2', join(root, `test/bench/${name}.c`), ...libraries, '-o', binary], {
      stdio: 'pipe',
    })
  } catch (error) {
    throw new Error(`${name}.c does not build; needed: apt-get install gcc libc6-dev librdkafka-dev`, {
      cause: error,
    })
  }
  return binary
}

/** Runs a program that prints one JSON line, pinned when asked. */
export async function jsonOf<T>(command: readonly string[], pin?: string): Promise<T> {
  const [program, ...args] = pin === undefined ? command : ['taskset', '-c', pin, ...command]
  const { stdout } = await run(program!, args)
  return JSON.parse(stdout) as T
}

export function requireLinux(): void {
  if (!existsSync('/proc/self/stat')) throw new Error('this benchmark reads /proc: it runs on Linux only')
}

function spawnPinned(command: readonly string[], pin: string | undefined): ChildProcess {
  const [program, ...args] = pin === undefined ? command : ['taskset', '-c', pin, ...command]
  return spawn(program!, args, { stdio: 'ignore' })
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  while (!(await accepts(port))) {
    if (child.exitCode !== null)
      throw new Error(`the broker ended with exit code ${child.exitCode} before it listened`)
    await delay(2)
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}
