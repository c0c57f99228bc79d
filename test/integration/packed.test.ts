/** What npm would publish, used as an application uses it: plain npm, no scripts, an empty folder. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Consumer } from '@millrace/consumer-client'
import { Producer, string, topic } from '@millrace/producer-client'
import { accepts, freePort, root } from '../rig/broker-process.ts'

const run = promisify(execFile)
const bin = (name: string): string => join(root, 'node_modules/.bin', name)
const nodeFolder = join(process.execPath, '..')
const npmEnv = { ...process.env, PATH: `${nodeFolder}:${process.env['PATH']}` }

let work: string
let tarballs: string[]

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'millrace-packed-'))
  const packed = join(work, 'tarballs')
  execFileSync(join(root, 'scripts/pack'), [packed], { stdio: 'ignore' })
  tarballs = readdirSync(packed).map((name) => join(packed, name))
}, 120_000)

afterAll(() => rmSync(work, { recursive: true, force: true }))

/** Installs tarballs where nothing else is. All of them are named, because none of them is on the registry. */
async function install(name: string, npmFlags: readonly string[] = []): Promise<string> {
  const folder = join(work, name)
  cpSync(join(root, 'test/integration/packed-app'), folder, { recursive: true })
  const overrides: Record<string, string> = {}
  for (const tarball of tarballs) overrides[packageOf(tarball)] = `file:${tarball}`
  const wanted = [
    '@millrace/producer-client',
    '@millrace/consumer-client',
    ...(name === 'clients' ? [] : ['millrace']),
  ]
  const dependencies = Object.fromEntries(wanted.map((dependency) => [dependency, overrides[dependency]!]))
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', private: true, dependencies, overrides }),
  )
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...npmFlags], {
    cwd: folder,
    env: npmEnv,
  })
  return folder
}

/** `…/millrace-base-0.1.0.tgz` → @millrace/base */
function packageOf(tarball: string): string {
  const name = tarball
    .split('/')
    .at(-1)!
    .replace(/-\d+\.\d+\.\d+\.tgz$/, '')
  return name === 'millrace' ? name : name.replace('millrace-', '@millrace/')
}

function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

it(
  'an application compiles against the packages and runs against a broker started by npx',
  { timeout: 180_000 },
  async () => {
    const folder = await install('app')
    const compilerOptions = {
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      module: 'nodenext',
      strict: true,
      skipLibCheck: false,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }))
    await run(bin('tsc'), ['-p', '.'], { cwd: folder }).catch((error: { stdout: string }) =>
      expect.fail(error.stdout),
    )

    const port = await freePort()
    const args = ['millrace', 'broker', '--listen', `127.0.0.1:${port}`, '--data', join(folder, 'data')]
    const broker = spawn('npx', ['--no-install', ...args], {
      cwd: folder,
      env: npmEnv,
      stdio: 'ignore',
      detached: true,
    })
    try {
      await expect.poll(() => accepts(port), { timeout: 20_000 }).toBe(true)
      const { stdout } = await run(process.execPath, ['app.js', `127.0.0.1:${port}`], { cwd: folder })
      expect(stdout).toMatch(/SFO BOS 13 \d 0/)
    } finally {
      // npx puts a process between itself and the broker; the group has them all
      process.kill(-broker.pid!, 'SIGTERM')
    }
  },
)

it(
  'a broker of the packages has its shards and its jobs on threads of their own, and keeps what it compiled',
  { timeout: 180_000 },
  async () => {
    const folder = await install('threads')
    const port = await freePort()
    const flights = topic('flights', { key: string(), value: string() })
    const bootstrap = `127.0.0.1:${port}`
    const compiled = join(folder, 'compiled')
    // Every compressed batch is validated by the codec pool.
    const settings = [
      'shards=2',
      'codec.threads=1',
      'codec.inline.max.bytes=0',
      'num.recovery.threads.per.data.dir=1',
    ]
    const start = async (): Promise<ChildProcess> => {
      const args = ['broker', '--listen', bootstrap, '--data', join(folder, 'data'), '--output', 'json']
      for (const setting of settings) args.push('--set', setting)
      const broker = spawn(process.execPath, [join(folder, 'node_modules/millrace/dist/main.js'), ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, NODE_COMPILE_CACHE: compiled },
      })
      let output = ''
      broker.stdout!.on('data', (text: Buffer) => (output += text.toString()))
      await expect.poll(() => output, { timeout: 30_000 }).toMatch(/"shards":2,.*broker is ready/)
      return broker
    }
    const kill = async (broker: ChildProcess): Promise<void> => {
      const exit = once(broker, 'exit')
      broker.kill('SIGKILL')
      await exit
    }

    const first = await start()
    try {
      await using producer = new Producer({ bootstrap, compression: 'gzip' })
      await producer.send(flights, { key: 'SFO', value: 'BOS' })
      await expect
        .poll(() => existsSync(compiled) && bytesBelow(compiled), { timeout: 30_000 })
        .toBeGreaterThan(0)
    } finally {
      await kill(first)
    }
    // The maintenance pool looks through the log that the crash left: without it the partition would not open.
    const second = await start()
    try {
      await using consumer = new Consumer({ bootstrap })
      const values: string[] = []
      for await (const { value } of consumer.read(flights, { from: 'beginning', until: 'end' }))
        values.push(value!)
      expect(values).toEqual(['BOS'])
    } finally {
      await kill(second)
    }
  },
)

it(
  'the clients are small without their native parts, and one module each',
  { timeout: 120_000 },
  async () => {
    const folder = await install('clients', ['--omit=optional'])
    expect(bytesBelow(join(folder, 'node_modules')) / 1e6).toBeLessThanOrEqual(5)
    // Importing a client costs what its modules cost to find and compile: one file each, without the other's code.
    for (const client of ['producer-client', 'consumer-client']) {
      const dist = join(folder, 'node_modules/@millrace', client, 'dist')
      const modules = readdirSync(dist).filter((name) => name.endsWith('.js'))
      expect(modules).toEqual(['index.js'])
      expect(bytesBelow(dist) / 1e6).toBeLessThanOrEqual(2)
    }
  },
)

describe('each package', () => {
  it.each(readdirSync(join(root, 'packages')))(
    '%s is clean to publint and attw',
    { timeout: 60_000 },
    async (name) => {
      const tarball = tarballs.find(
        (path) => packageOf(path) === (name === 'cli' ? 'millrace' : `@millrace/${name}`),
      )!
      const lint = await run(bin('publint'), ['--strict', tarball]).catch(
        (error: { stdout: string }) => error,
      )
      expect(lint.stdout).toContain('All good')
      if (name === 'cli') return
      // ends with an error unless every way of importing that the package promises resolves
      await run(bin('attw'), ['--profile', 'esm-only', '--no-emoji', tarball]).catch(
        (error: { stdout: string }) => expect.fail(error.stdout),
      )
    },
  )
})
