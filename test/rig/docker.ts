/**
 * A Docker engine for tests: the one that answers already, or else one of our own, started from the Debian package's
 * `dockerd` and stopped again. Its images stay in .cache/docker, so that only the first run builds them.
 *
 * Must not know: what runs in the containers. Touches nothing of an engine that it found but what it is told to.
 * Invariants: our own changes nothing of this machine's network but for the bridges of its networks: no packet filter
 * rules, no forwarding, no docker0. When this process has ended, however it did, its engine does soon.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { root } from './broker-process.ts'
import { bequeath } from './last-will.ts'

const run = promisify(execFile)

const CACHE = join(root, '.cache/docker')
const IMAGE = 'millrace-test'
const BUILD_STAGE = 'millrace-test-build'
const OFFICIAL_BASE = 'node:24-bookworm-slim'
const LOCAL_BASE = 'local/node:24-bookworm-slim'
const INSTALL = 'Debian: apt-get install docker.io docker-compose'
const START_TIMEOUT_MS = 60_000
const NPM_ANSWERS = ['view', 'npm', 'version', '--fetch-retries=1', '--fetch-timeout=15000']
/** Most of it is fetching packages: on a machine that reaches none, that ends by itself and says so. */
const IMAGE_TIMEOUT_MS = 480_000
const OUTPUT_MAX_BYTES = 64 << 20

/**
 * Containers reach each other over the bridge of their network, and this machine over a proxy process for each published
 * port, without any rule of the packet filter.
 */
const LEAVES_NETWORK_ALONE = ['--iptables=false', '--ip6tables=false', '--ip-forward=false']
/**
 * All containers of an engine together get as much of a busy machine as one single process outside, unless their group is
 * worth more: as much as six nodes that are no containers get.
 */
const CGROUP = 'millrace-test'
const CGROUP_VERSIONS = [
  { root: '/sys/fs/cgroup/cpu', marker: 'cpu.shares', file: 'cpu.shares', weight: '10240' }, // a process has 1024
  { root: '/sys/fs/cgroup', marker: 'cgroup.controllers', file: 'cpu.weight', weight: '1000' }, // a process has 100
]

/** Removes the folder $0 with what an engine leaves mounted in it, and the group, unless another engine is in it. */
const REMOVE_FOLDER = `rmdir /sys/fs/cgroup/${CGROUP} /sys/fs/cgroup/*/${CGROUP} 2>/dev/null
awk -v below="$0/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | xargs -r umount -l
rm -rf "$0"`
/** Ends the process $1, if need be the hard way, and removes the folder $0. */
const END_ENGINE = `kill -TERM "$1"
for i in $(seq 300); do kill -0 "$1" || break; sleep 0.1; done
kill -KILL "$1"
${REMOVE_FOLDER}`

interface OwnEngine {
  readonly process: ChildProcess
  /** Sockets and process ids; short, because a socket's path has at most 107 bytes. */
  readonly runFolder: string
  /** Without it, the engine is ended when this process is gone. */
  readonly disinherit: () => void
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
    const engine = new DockerEngine({ ...env, DOCKER_HOST }, compose, own)
    await engine.#removeLeftovers()
    return engine
  }

  /** @throws with everything the command printed */
  docker(...args: readonly string[]): Promise<string> {
    return this.#run(['docker', ...args], this.#env)
  }

  /** @param variables what compose puts into its files, and its own settings, COMPOSE_FILE among them */
  compose(variables: Readonly<Record<string, string>>, ...args: string[]): Promise<string> {
    return this.#run([...this.#compose, ...args], { ...this.#env, ...variables })
  }

  /**
   * Runs a command of compose when this process has ended and could not do so itself.
   * @returns takes that back
   */
  composeAtTheEnd(variables: Readonly<Record<string, string>>, ...args: string[]): () => void {
    return bequeath([...this.#compose, ...args], { ...this.#env, ...variables })
  }

  /**
   * The image of what is checked out: built when no run before built it from the same files.
   * @returns its tag; or why it can't be built here
   */
  async image(): Promise<{ readonly tag: string } | string> {
    const tag = `${IMAGE}:${sourceHash()}`
    if (await this.#has(tag)) return { tag }
    // Else a build would fail, after minutes, as it does when something is wrong with it.
    if (!works('npm', NPM_ANSWERS)) return 'the image can not be built: the npm registry does not answer'
    const chosen = process.env['BASE_IMAGE'] ?? ((await this.#has(OFFICIAL_BASE)) ? OFFICIAL_BASE : null)
    const base = chosen ?? (await this.#makeBase())
    if (typeof base !== 'string') return base.problem
    const build = ['build', '-f', join(root, 'docker/Dockerfile'), '--build-arg', `BASE_IMAGE=${base}`]
    if (this.#own !== null) build.push('--network', 'host')
    // Named, its layers survive and the next build starts from them.
    await this.docker(...build, '--target', 'build', '-t', BUILD_STAGE, root)
    await this.docker(...build, '-t', tag, root)
    await this.#removeOlder(tag)
    return { tag }
  }

  /** @returns its tag; or why the packages that it is made of can't be had here */
  async #makeBase(): Promise<string | { readonly problem: string }> {
    try {
      await this.#run([join(root, 'docker/make-base-image'), LOCAL_BASE], this.#env)
      return LOCAL_BASE
    } catch (error) {
      return { problem: `there is no base image: ${lastLine((error as Error).message)}` }
    }
  }

  /** Of a run whose machine went down: nobody but such runs has used this engine. */
  async #removeLeftovers(): Promise<void> {
    const containers = (await this.docker('ps', '--all', '--quiet')).trim()
    if (containers === '') return
    await this.docker('rm', '--force', '--volumes', ...containers.split('\n'))
    await this.docker('network', 'prune', '--force')
    await this.docker('volume', 'prune', '--force')
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
      const { stdout } = await run(program!, args, {
        env,
        maxBuffer: OUTPUT_MAX_BYTES,
        timeout: IMAGE_TIMEOUT_MS,
      })
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
  flags.push('--pidfile', join(runFolder, 'pid'), '--host', DOCKER_HOST, '--bridge=none')
  // What an engine of before has left in the packet filter drops what passes between containers of an unknown network.
  if (!works('iptables', ['--list-rules', 'DOCKER-USER'])) flags.push(...LEAVES_NETWORK_ALONE)
  if (raiseWeight()) flags.push('--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${CGROUP}`)
  // In a session of its own: Ctrl-C must not end it before what runs in it has been removed.
  const child = spawn('dockerd', flags, { stdio: ['ignore', log, log], detached: true })
  closeSync(log)
  const disinherit = bequeath(['sh', '-c', END_ENGINE, runFolder, String(child.pid)], env)
  const engine = { process: child, runFolder, disinherit }
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

async function stopEngine({ process: child, runFolder, disinherit }: OwnEngine): Promise<void> {
  if (!hasEnded(child)) {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    await exit
  }
  await run('sh', ['-c', REMOVE_FOLDER, runFolder])
  disinherit()
}

/** @returns whether containers may be put into the group */
function raiseWeight(): boolean {
  const version = CGROUP_VERSIONS.find(({ root: folder, marker }) => existsSync(join(folder, marker)))
  if (version === undefined) return false
  const group = join(version.root, CGROUP)
  try {
    mkdirSync(group, { recursive: true })
    writeFileSync(join(group, version.file), version.weight)
    return true
  } catch {
    // Not to be had here, as inside of another container: nodes are slower on a busy machine then, and nothing else.
    return false
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)!
}

function works(program: string, args: readonly string[], env = process.env): boolean {
  return spawnSync(program, args, { env, stdio: 'ignore' }).status === 0
}

/** Of everything that goes into the image, but for what the base image brings. */
function sourceHash(): string {
  const single = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'tsconfig.base.json']
  const docker = ['scripts/bundle.ts', 'docker/Dockerfile', 'docker/healthcheck', 'docker/make-base-image']
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
