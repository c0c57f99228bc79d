/**
 * The cluster of docker/compose.yaml, under a name and on ports of its own, with its containers killed and started at will.
 * Goes away with its volumes when it is disposed of.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin } from '@millrace/client'
import { freePort, root } from './broker-process.ts'
import type { DockerEngine } from './docker.ts'

const FILE = join(root, 'docker/compose.yaml')
const CONTROLLERS = [101, 102, 103].map((id) => `controller-${id}`)
const BROKERS = [1, 2, 3].map((id) => `broker-${id}`)

interface Attachment {
  readonly network: string
  readonly address: string
}

export class ComposeCluster implements AsyncDisposable {
  readonly #engine: DockerEngine
  readonly #variables: Readonly<Record<string, string>>
  readonly #containers = new Map<string, string>()
  readonly #attachments = new Map<string, Attachment>()
  /** One address for each broker, from this machine. */
  readonly bootstraps: readonly string[]

  private constructor(engine: DockerEngine, variables: Readonly<Record<string, string>>, ports: number[]) {
    this.#engine = engine
    this.#variables = variables
    this.bootstraps = ports.map((port) => `127.0.0.1:${port}`)
  }

  /** Starts all containers; resolves when they are healthy. */
  static async up(engine: DockerEngine, image: string): Promise<ComposeCluster> {
    const ports = await Promise.all(BROKERS.map(() => freePort()))
    const variables = {
      COMPOSE_PROJECT_NAME: `millrace-test-${process.pid}`,
      MILLRACE_IMAGE: image,
      // Networks of one engine must not overlap.
      CLUSTER_NET: `10.214.${process.pid % 256}`,
      ...Object.fromEntries(ports.map((port, i) => [`BROKER_${i + 1}_PORT`, String(port)])),
    }
    const cluster = new ComposeCluster(engine, variables, ports)
    try {
      await cluster.#compose('up', '--detach', '--no-build')
      for (const service of [...CONTROLLERS, ...BROKERS]) {
        cluster.#containers.set(service, (await cluster.#compose('ps', '--quiet', service)).trim())
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

  async pause(service: string): Promise<void> {
    await this.#engine.docker('pause', this.#container(service))
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

  async isRunning(service: string): Promise<boolean> {
    const state = await this.#engine.docker(
      'inspect',
      '--format',
      '{{.State.Running}}',
      this.#container(service),
    )
    return state.trim() === 'true'
  }

  /** Waits until every container says so. */
  async healthy(timeoutMs = 60_000): Promise<void> {
    const format = '{{.Name}} {{.State.Status}} {{.State.Health.Status}}'
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const output = await this.#engine.docker('inspect', '--format', format, ...this.#containers.values())
      const states = output.trim().split('\n')
      if (states.every((state) => state.endsWith(' running healthy'))) return
      if (performance.now() > deadline) {
        const logs = await this.#compose('logs', '--no-color', '--tail', '20')
        throw new Error(`not healthy after ${timeoutMs} ms:\n${states.join('\n')}\n${logs}`)
      }
      await delay(100)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Killed first: nobody waits for a clean end of what is thrown away.
    await this.#compose('kill')
    await this.#compose('down', '--volumes')
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
    return this.#engine.compose(FILE, this.#variables, ...args)
  }
}
