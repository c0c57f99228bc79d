/**
 * A Docker engine for tests: the one that answers already, or else one of our own, started from the Debian package's
 * `dockerd` and stopped again. Its images stay in .cache/docker, so that only the first run builds them.
 *
 * Must not know: what runs in the containers. Touches nothing of an engine that it found but what it is told to.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { root } from './broker-process.ts'

const run = promisify(execFile)

const CACHE = join(root, '.cache/docker')
const IMAGE = 'millrace-test'
const BUILD_STAGE = 'millrace-test-build'
const OFFICIAL_BASE = 'node:24-bookworm-slim'
const LOCAL_BASE = 'local/node:24-bookworm-slim'
const INSTALL = 'Debian: apt-get install docker.io docker-compose debootstrap'
const START_TIMEOUT_MS = 60_000
const OUTPUT_MAX_BYTES = 64 << 20

interface OwnEngine {
  readonly process: ChildProcess
  /** Sockets and process ids; short, because a socket's path has at most 107 bytes. */
  readonly runFolder: string
}

export class DockerEngine implements AsyncDisposable {
  readonly #env: NodeJS.ProcessEnv
  readonly #compose: readonly string[]
  /** Null: somebody else's. */
  readonly #own: OwnEngine | null

  private constructor(env: NodeJS.ProcessEnv, compose: readonly string[], own: OwnEngine | null) {
    this.#env = env
    this.#compose = compose
    this.#own = own
  }

  /** @returns the engine, or why there is none and what would help */
  static async open(): Promise<DockerEngine | string> {
    if (!works('docker', ['--version'])) return `docker is missing (${INSTALL})`
    const compose = [['docker', 'compose'], ['docker-compose']].find(([program, ...args]) =>
      works(program!, [...args, 'version']),
    )
    if (compose === undefined) return `docker-compose is missing (${INSTALL})`
    // There may be no buildx; the classic builder is always there.
    const env = { ...process.env, DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0' }
    if (works('docker', ['info'], env)) return new DockerEngine(env, compose, null)
    const started = await startEngine(env)
    if (typeof started === 'string') return started
    const { DOCKER_HOST, ...own } = started
    return new DockerEngine({ ...env, DOCKER_HOST }, compose, own)
  }

  /** @throws with everything the command printed */
  docker(...args: readonly string[]): Promise<string> {
    return this.#run(['docker', ...args], this.#env)
  }

  /** @param variables what compose puts into its file, and its own settings */
  compose(file: string, variables: Readonly<Record<string, string>>, ...args: string[]): Promise<string> {
    return this.#run([...this.#compose, '-f', file, ...args], { ...this.#env, ...variables })
  }

  /**
   * The image of what is checked out: built when no run before built it from the same files.
   * @returns its tag; or why it can't be built here
   */
  async image(): Promise<{ readonly tag: string } | string> {
    const tag = `${IMAGE}:${sourceHash()}`
    if (await this.#has(tag)) return { tag }
    const base = await this.#base()
    if (base === null)
      return `debootstrap is missing, or this is not root, so there is no base image (${INSTALL})`
    const build = ['build', '-f', join(root, 'docker/Dockerfile'), '--build-arg', `BASE_IMAGE=${base}`]
    // Named, its layers survive and the next build starts from them.
    await this.docker(...build, '--target', 'build', '-t', BUILD_STAGE, root)
    await this.docker(...build, '-t', tag, root)
    await this.#removeOlder(tag)
    return { tag }
  }

  async #base(): Promise<string | null> {
    const chosen = process.env['BASE_IMAGE']
    if (chosen !== undefined) return chosen
    if (await this.#has(OFFICIAL_BASE)) return OFFICIAL_BASE
    if (await this.#has(LOCAL_BASE)) return LOCAL_BASE
    if (process.getuid?.() !== 0 || !works('debootstrap', ['--version'])) return null
    await this.#run([join(root, 'docker/make-base-image'), LOCAL_BASE], this.#env)
    return LOCAL_BASE
  }

  async #has(tag: string): Promise<boolean> {
    return (await this.docker('image', 'ls', '--quiet', tag)).trim() !== ''
  }

  async #removeOlder(tag: string): Promise<void> {
    const tags = (await this.docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', IMAGE)).split('\n')
    const older = tags.filter((other) => other !== '' && other !== tag)
    if (older.length > 0) await this.docker('image', 'rm', '--force', ...older)
    if (this.#own !== null) await this.docker('image', 'prune', '--force')
  }

  async #run([program, ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
    try {
      const { stdout } = await run(program!, args, { env, maxBuffer: OUTPUT_MAX_BYTES })
      return stdout
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string }
      throw new Error(`${program} ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`, {
        cause: error,
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#own === null) return
    await stopEngine(this.#own)
  }
}

async function startEngine(
  env: NodeJS.ProcessEnv,
): Promise<(OwnEngine & { readonly DOCKER_HOST: string }) | string> {
  if (!works('dockerd', ['--version'])) return `no Docker engine answers, and dockerd is missing (${INSTALL})`
  if (process.getuid?.() !== 0) return 'no Docker engine answers, and only root can start one'
  const runFolder = join(tmpdir(), `millrace-docker-${process.pid}`)
  mkdirSync(CACHE, { recursive: true })
  mkdirSync(runFolder, { recursive: true })
  const logPath = join(CACHE, 'dockerd.log')
  const log = openSync(logPath, 'w')
  const DOCKER_HOST = `unix://${join(runFolder, 'docker.sock')}`
  const flags = ['--data-root', join(CACHE, 'data'), '--exec-root', join(runFolder, 'exec')]
  flags.push('--pidfile', join(runFolder, 'pid'), '--host', DOCKER_HOST)
  const child = spawn('dockerd', flags, { stdio: ['ignore', log, log] })
  closeSync(log)
  const engine = { process: child, runFolder }
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!works('docker', ['info'], { ...env, DOCKER_HOST })) {
    if (hasEnded(child) || performance.now() > deadline) {
      await stopEngine(engine)
      const lines = readFileSync(logPath, 'utf8').trimEnd().split('\n')
      return `no Docker engine answers, and dockerd does not start here: ${lines.at(-1)} (${logPath})`
    }
    await delay(100)
  }
  return { ...engine, DOCKER_HOST }
}

async function stopEngine({ process: child, runFolder }: OwnEngine): Promise<void> {
  if (!hasEnded(child)) {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    await exit
  }
  rmSync(runFolder, { recursive: true, force: true })
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

function works(program: string, args: readonly string[], env = process.env): boolean {
  return spawnSync(program, args, { env, stdio: 'ignore' }).status === 0
}

/** Of everything that goes into the image, but for what the base image brings. */
function sourceHash(): string {
  const single = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'tsconfig.base.json']
  const docker = ['docker/Dockerfile', 'docker/healthcheck.js', 'docker/make-base-image']
  const packages = readdirSync(join(root, 'packages')).flatMap((name) => [
    ...['package.json', 'tsconfig.json'].map((file) => `packages/${name}/${file}`),
    ...filesBelow(`packages/${name}/src`),
  ])
  const hash = createHash('sha256')
  for (const file of [...single, ...docker, ...packages.sort()]) {
    const content = readFileSync(join(root, file))
    hash.update(`${file} ${content.length}\n`).update(content)
  }
  return hash.digest('hex').slice(0, 16)
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
}
