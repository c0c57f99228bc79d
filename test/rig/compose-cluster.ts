/**
 * The cluster of docker/compose.yaml, under a name and on ports of its own, with its containers killed and started at will,
 * and its links cut. Goes away with its volumes when it is disposed of.
 */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Admin } from '@millrace/client'
import { freePort, root } from './broker-process.ts'
import type { DockerEngine } from './docker.ts'

const run = promisify(execFile)

const FILE = join(root, 'docker/compose.yaml')
const CHAOS_FILE = join(root, 'docker/compose.chaos.yaml')
/** Of one pause. */
const PAUSE_ATTEMPTS = 5
const CONTROLLERS = [101, 102, 103].map((id) => `controller-${id}`)
const BROKERS = [1, 2, 3].map((id) => `broker-${id}`)
/** Of compose.chaos.yaml: no node, but where the disks of brokers and the settings of clocks are at hand. */
const KEEPER = 'keeper'
/** Fills the disk $0: in the end, with what is smaller than a block of the first writes. */
const FILL = `for size in 1M 4k; do
  dd if=/dev/zero of=$0/ballast bs=$size oflag=append conv=notrunc 2>&1 | grep -q 'No space left' || exit 1
done`
/** Sets the clock $0 to be ahead by $1 ms, in one step: the node reads it at any time. */
const SET_CLOCK = 'echo "$1" > "/clocks/$0.new" && mv "/clocks/$0.new" "/clocks/$0"'

/** What a container's links are reduced to, in each direction. */
const SLOW_LINK = ['rate', '2mbit', 'burst', '16kb', 'latency', '400ms']

/** Killed first: nobody waits for a clean end of what is thrown away. */
const TAKE_DOWN = [['kill'], ['down', '--volumes']]

export type ContainerState = 'running' | 'paused' | 'down'

interface Attachment {
  readonly network: string
  readonly address: string
}

export class ComposeCluster implements AsyncDisposable {
  readonly #engine: DockerEngine
  readonly #variables: Readonly<Record<string, string>>
  readonly #containers = new Map<string, string>()
  readonly #attachments = new Map<string, Attachment>()
  /** Network namespaces, by the id of a process in them, whose traffic is not let through as it should be. */
  readonly #spoiled = new Set<number>()
  /** One address for each broker, from this machine. */
  readonly bootstraps: readonly string[]
  /** Without it, all goes away when this process is gone. */
  readonly #disinherit: readonly (() => void)[]

  private constructor(engine: DockerEngine, variables: Readonly<Record<string, string>>, ports: number[]) {
    this.#engine = engine
    this.#variables = variables
    // The newest is done first.
    this.#disinherit = TAKE_DOWN.toReversed().map((args) => engine.composeAtTheEnd(variables, ...args))
    this.bootstraps = ports.map((port) => `127.0.0.1:${port}`)
  }

  /**
   * Starts all containers; resolves when they are healthy.
   *
   * @param isChaotic with disks of brokers that can be filled, and clocks that can be set
   */
  static async up(engine: DockerEngine, image: string, isChaotic = false): Promise<ComposeCluster> {
    const ports = await Promise.all(BROKERS.map(() => freePort()))
    const variables = {
      COMPOSE_FILE: [FILE, ...(isChaotic ? [CHAOS_FILE] : [])].join(delimiter),
      COMPOSE_PROJECT_NAME: `millrace-test-${process.pid}`,
      MILLRACE_IMAGE: image,
      // Networks of one engine must not overlap.
      CLUSTER_NET: `10.214.${process.pid % 256}`,
      ...Object.fromEntries(ports.map((port, i) => [`BROKER_${i + 1}_PORT`, String(port)])),
    }
    const cluster = new ComposeCluster(engine, variables, ports)
    try {
      await cluster.#compose('up', '--detach', '--no-build')
      if (isChaotic) await cluster.#find(KEEPER)
      for (const service of cluster.services) {
        await cluster.#find(service)
        // Once for all: a container that was killed has no address.
        await cluster.#attachment(service)
      }
      await cluster.healthy()
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Names of all services, controllers first. */
  get services(): readonly string[] {
    return [...CONTROLLERS, ...BROKERS]
  }

  get bootstrap(): string {
    return this.bootstraps.join(',')
  }

  /** @returns the service that is the active controller */
  async activeController(): Promise<string> {
    await using admin = new Admin({ bootstrap: this.bootstrap })
    return `controller-${(await admin.describeQuorum()).leaderId}`
  }

  /** With SIGKILL. Its name and address are gone afterwards, its volume stays. */
  async kill(service: string): Promise<void> {
    await this.#engine.docker('kill', this.#container(service))
  }

  /** With SIGTERM. */
  async stop(service: string): Promise<void> {
    await this.#engine.docker('stop', '--time', '30', this.#container(service))
  }

  /** Again where runc gives up, and thaws what it had frozen: on a busy machine, and while a health check begins in there. */
  async pause(service: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#engine.docker('pause', this.#container(service))
        return
      } catch (error) {
        if (attempt === PAUSE_ATTEMPTS || !String(error).includes('unable to freeze')) throw error
      }
    }
  }

  async unpause(service: string): Promise<void> {
    await this.#engine.docker('unpause', this.#container(service))
  }

  /** Takes a container off the cluster's network, or back to its address there. */
  async disconnect(service: string): Promise<void> {
    const { network } = await this.#attachment(service)
    await this.#engine.docker('network', 'disconnect', network, this.#container(service))
  }

  async connect(service: string): Promise<void> {
    const { network, address } = await this.#attachment(service)
    const container = this.#container(service)
    await this.#engine.docker('network', 'connect', '--ip', address, '--alias', service, network, container)
  }

  async start(service: string): Promise<void> {
    await this.#engine.docker('start', this.#container(service))
  }

  /** Of a broker in a chaotic cluster: to the last block. */
  async fillDisk(service: string): Promise<void> {
    await this.#inKeeper('bash', '-c', FILL, `/disks/${service}`)
  }

  async freeDisk(service: string): Promise<void> {
    await this.#inKeeper('rm', '--force', `/disks/${service}/ballast`)
  }

  /** @param skewMs how far its wall clock is ahead of this machine's, a moment later; survives restarts */
  async setClock(service: string, skewMs: number): Promise<void> {
    await this.#inKeeper('bash', '-c', SET_CLOCK, service, String(skewMs))
  }

  /** The disk is lost: of a container that does not run. The next `start` finds it empty. */
  async wipe(service: string): Promise<void> {
    if (this.#containers.has(KEEPER)) {
      await this.#inKeeper('find', `/disks/${service}`, '-mindepth', '1', '-delete')
      return
    }
    await this.#compose('rm', '--force', service)
    await this.#engine.docker('volume', 'rm', `${this.#variables['COMPOSE_PROJECT_NAME']}_${service}`)
    await this.#compose('up', '--no-start', '--no-build', service)
    await this.#find(service)
  }

  /** Why packets can't be dropped between containers here; null: they can. */
  async whyNoCuts(): Promise<string | null> {
    if (process.getuid?.() !== 0) return 'only root can reach the network of a container'
    for (const program of ['nsenter', 'iptables', 'tc'])
      if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `${program} is missing`
    const [service] = this.services
    const isHere = existsSync(`/proc/${await this.#pid(service!)}/ns/net`)
    return isHere ? null : 'the containers run on another machine'
  }

  /** Drops every packet that `from` sends to any of these. Clients on this machine still reach all of them. */
  cut(from: string, ...to: readonly string[]): Promise<void> {
    return this.#drop(from, 'OUTPUT', '--destination', to)
  }

  /** Nothing passes between it and any other node. */
  async isolate(service: string): Promise<void> {
    const others = this.services.filter((other) => other !== service)
    await this.#drop(service, 'OUTPUT', '--destination', others)
    await this.#drop(service, 'INPUT', '--source', others)
  }

  /** All that it sends, to clients on this machine as well. */
  async slow(service: string): Promise<void> {
    await this.#inNetworkOf(service, 'tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', 'tbf', ...SLOW_LINK)
  }

  /** No link is cut or slow any more. Containers that are gone have taken theirs with them. */
  async heal(): Promise<void> {
    for (const pid of this.#spoiled) {
      if (!existsSync(`/proc/${pid}/ns/net`)) continue
      await enter(pid, 'iptables', '--flush')
      await enter(pid, 'tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', 'pfifo')
    }
    this.#spoiled.clear()
  }

  async isRunning(service: string): Promise<boolean> {
    return (await this.states()).get(service) === 'running'
  }

  async states(): Promise<ReadonlyMap<string, ContainerState>> {
    const output = await this.#inspect('{{.State.Status}}')
    const stateOf = (status: string): ContainerState =>
      status === 'running' || status === 'paused' ? status : 'down'
    return new Map(this.services.map((service, at) => [service, stateOf(output[at]!)]))
  }

  /** How often each container ended by itself and was started again by the engine. */
  async restarts(): Promise<ReadonlyMap<string, number>> {
    const output = await this.#inspect('{{.RestartCount}}')
    return new Map(this.services.map((service, at) => [service, Number(output[at])]))
  }

  /** Waits until every container says so. */
  async healthy(timeoutMs = 60_000): Promise<void> {
    const format = '{{.Name}} {{.State.Status}} {{.State.Health.Status}}'
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const states = await this.#inspect(format)
      if (states.every((state) => state.endsWith(' running healthy'))) return
      if (performance.now() > deadline) {
        const logs = await this.#compose('logs', '--no-color', '--tail', '20')
        throw new Error(`not healthy after ${timeoutMs} ms:\n${states.join('\n')}\n${logs}`)
      }
      await delay(100)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const args of TAKE_DOWN) await this.#compose(...args)
    for (const disinherit of this.#disinherit) disinherit()
  }

  /** @returns one line for each of `services` */
  async #inspect(format: string): Promise<string[]> {
    const containers = this.services.map((service) => this.#container(service))
    return (await this.#engine.docker('inspect', '--format', format, ...containers)).trim().split('\n')
  }

  async #find(service: string): Promise<void> {
    // Of the engine, not of compose, which takes a second of CPU to start.
    const labels = { project: this.#variables['COMPOSE_PROJECT_NAME'], service }
    const filters = Object.entries(labels).map(
      ([name, value]) => `--filter=label=com.docker.compose.${name}=${value}`,
    )
    const id = await this.#engine.docker('ps', '--all', '--quiet', '--no-trunc', ...filters)
    this.#containers.set(service, id.trim())
  }

  async #inKeeper(...command: readonly string[]): Promise<void> {
    await this.#engine.docker('exec', this.#container(KEEPER), ...command)
  }

  /** Of the container's first process, on this machine. */
  async #pid(service: string): Promise<number> {
    const pid = await this.#engine.docker('inspect', '--format', '{{.State.Pid}}', this.#container(service))
    return Number(pid)
  }

  async #drop(service: string, chain: string, side: string, others: readonly string[]): Promise<void> {
    const attachments = await Promise.all(others.map((other) => this.#attachment(other)))
    const addresses = attachments.map(({ address }) => address).join(',')
    await this.#inNetworkOf(service, 'iptables', '--append', chain, side, addresses, '--jump', 'DROP')
  }

  async #inNetworkOf(service: string, ...command: readonly string[]): Promise<void> {
    const pid = await this.#pid(service)
    this.#spoiled.add(pid)
    await enter(pid, ...command)
  }

  /** As it was when it was first asked for: a container that is off the network has none. */
  async #attachment(service: string): Promise<Attachment> {
    const known = this.#attachments.get(service)
    if (known !== undefined) return known
    const format = '{{range $name, $net := .NetworkSettings.Networks}}{{$name}} {{$net.IPAddress}}{{end}}'
    const found = await this.#engine.docker('inspect', '--format', format, this.#container(service))
    const [network = '', address = ''] = found.trim().split(' ')
    const attachment = { network, address }
    this.#attachments.set(service, attachment)
    return attachment
  }

  #container(service: string): string {
    const id = this.#containers.get(service)
    if (id === undefined) throw new Error(`there is no container of ${service}`)
    return id
  }

  #compose(...args: string[]): Promise<string> {
    return this.#engine.compose(this.#variables, ...args)
  }
}

/** Runs a program of this machine in the network of a container. */
async function enter(pid: number, ...command: readonly string[]): Promise<void> {
  await run('nsenter', ['--target', String(pid), '--net', ...command])
}
