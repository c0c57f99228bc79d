/** Where a node listens, by role, out of `listeners` and `advertised.listeners`. */
import { hostname } from 'node:os'
import type { Endpoint } from '@millrace/base'
import type { ListenerConfig } from '@millrace/broker'
import { CONTROLLER, formatEndpoint, isLoopback, isWildcard, parseListener, PLAINTEXT } from '../listener.ts'
import { StartupError } from '../startup-error.ts'
import { invalidConfig, type LoadedConfig } from './load-config.ts'
import type { NodeRoles } from './node-roles.ts'

export interface BrokerListeners {
  /** For other nodes, and for clients. */
  readonly listener: ListenerConfig
  readonly clientListeners: readonly ListenerConfig[]
}

export interface NodeListeners {
  readonly broker: BrokerListeners | null
  /** Null for a controller that nobody else has to reach. */
  readonly controller: ListenerConfig | null
}

/** @throws StartupError CONFIG_INVALID, LISTENER_INSECURE */
export function nodeListeners(loaded: LoadedConfig, roles: NodeRoles): NodeListeners {
  const bound = byName('listeners', loaded, roles)
  const advertised = byName('advertised.listeners', loaded, roles)
  const problem =
    roleProblem(bound, loaded, roles) ??
    voterProblem(bound, advertised, roles) ??
    portProblem(bound) ??
    protocolProblem(bound, loaded)
  if (problem !== null) throw invalid('listeners', loaded, problem)
  const strangers = [...advertised.keys()].filter((name) => !bound.has(name))
  if (strangers.length > 0) {
    throw invalid('advertised.listeners', loaded, `there is no listener ${strangers.join(', ')} to advertise`)
  }
  for (const listener of bound.values()) requireSecure(listener, loaded)
  const configOf = (name: string): ListenerConfig =>
    listenerConfig(name, bound.get(name)!, advertised.get(name), name === CONTROLLER ? roles.ownVoter : null)
  return {
    broker: roles.isBroker ? brokerListeners(brokerNames(bound), loaded, configOf) : null,
    controller: bound.has(CONTROLLER) ? configOf(CONTROLLER) : null,
  }
}

function brokerListeners(
  names: readonly string[],
  loaded: LoadedConfig,
  configOf: (name: string) => ListenerConfig,
): BrokerListeners {
  const wanted = loaded.values['inter.broker.listener.name']?.toUpperCase() ?? null
  const own = wanted ?? (names.length > 1 ? PLAINTEXT : names[0]!)
  if (!names.includes(own)) {
    const choice = names.join(', ')
    const problem =
      wanted === null ? `not set: by which do other nodes come in, ${choice}?` : `not among ${choice}`
    throw invalid('inter.broker.listener.name', loaded, problem)
  }
  return { listener: configOf(own), clientListeners: names.filter((name) => name !== own).map(configOf) }
}

type Named = ReadonlyMap<string, Endpoint>

function brokerNames(bound: Named): string[] {
  return [...bound.keys()].filter((name) => name !== CONTROLLER)
}

function byName(key: 'listeners' | 'advertised.listeners', loaded: LoadedConfig, roles: NodeRoles): Named {
  const found = new Map<string, Endpoint>()
  const texts = key === 'listeners' ? boundTexts(loaded, roles) : loaded.values[key]
  const usual = roles.isBroker ? PLAINTEXT : CONTROLLER
  for (const text of texts) {
    const parsed = parseListener(text)
    if ('problem' in parsed) throw invalid(key, loaded, parsed.problem)
    const { name, host, port } = parsed
    if (found.has(name ?? usual)) {
      throw invalid(key, loaded, `two listeners are called ${name ?? usual}: give one another name`)
    }
    found.set(name ?? usual, { host, port })
  }
  return found
}

/** The voters say where a controller is to be found, so that nobody has to say it twice. */
function boundTexts(
  { values, explicit }: LoadedConfig,
  { isBroker, ownVoter }: NodeRoles,
): readonly string[] {
  const isDefault = !isBroker && !explicit.has('listeners') && ownVoter !== null
  return isDefault ? [`CONTROLLER://${formatEndpoint(ownVoter)}`] : values.listeners
}

function roleProblem(bound: Named, { explicit }: LoadedConfig, roles: NodeRoles): string | null {
  const { isBroker, isController, voters } = roles
  if (!isBroker && !explicit.has('listeners') && roles.ownVoter === null) {
    return 'a controller that is not among the voters must be told where to listen, as CONTROLLER://HOST:PORT'
  }
  const hasBrokers = brokerNames(bound).length > 0
  if (isBroker && !hasBrokers) return 'a broker needs a listener PLAINTEXT://HOST:PORT'
  if (!isBroker && hasBrokers) {
    return 'a process that is only a controller has no listener for clients: give it CONTROLLER://HOST:PORT'
  }
  if (!isController && bound.has(CONTROLLER))
    return 'a process that is only a broker has no CONTROLLER listener'
  if (isController && voters.length > 0 && !bound.has(CONTROLLER)) {
    return 'a controller with voters beside it needs CONTROLLER://HOST:PORT next to the listener of its broker'
  }
  return null
}

/** Everybody dials a voter where `controller.quorum.voters` says: another port would make it unreachable. */
function voterProblem(bound: Named, advertised: Named, { ownVoter }: NodeRoles): string | null {
  const listener = bound.get(CONTROLLER)
  if (listener === undefined) return null
  const { port } = advertised.get(CONTROLLER) ?? listener
  if (ownVoter !== null && port !== ownVoter.port) {
    return (
      `this controller listens on port ${port}, but controller.quorum.voters has it at ` +
      `${formatEndpoint(ownVoter)}: make them agree, or name the address that leads here in advertised.listeners`
    )
  }
  return port === 0 ? 'the port of a controller must be chosen: others have to know it' : null
}

function portProblem(bound: Named): string | null {
  const owners = new Map<number, string>()
  for (const [name, { port }] of bound) {
    const owner = owners.get(port)
    if (port !== 0 && owner !== undefined) return `${owner} and ${name} can't share port ${port}`
    owners.set(port, name)
  }
  return null
}

/** Names that are protocols at the same time need not be mapped, as in Kafka. */
const PROTOCOLS: readonly string[] = [PLAINTEXT, 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

function protocolProblem(bound: Named, { values }: LoadedConfig): string | null {
  const key = 'listener.security.protocol.map'
  const protocols = new Map(PROTOCOLS.map((name) => [name, name]))
  protocols.set(CONTROLLER, PLAINTEXT)
  for (const text of values[key]) {
    const [name = '', protocol = '', ...more] = text.toUpperCase().split(':')
    if (name === '' || protocol === '' || more.length > 0) return `"${text}" in ${key} is not NAME:PROTOCOL`
    protocols.set(name, protocol)
  }
  for (const name of bound.keys()) {
    const protocol = protocols.get(name)
    if (protocol === undefined)
      return `listener ${name} has no security protocol: add ${name}:PLAINTEXT to ${key}`
    if (protocol !== PLAINTEXT)
      return `listener ${name}: security protocol ${protocol} is not supported, only PLAINTEXT`
  }
  return null
}

function requireSecure({ host, port }: Endpoint, { values }: LoadedConfig): void {
  if (values['allow.insecure'] || isLoopback(host)) return
  throw new StartupError(
    'LISTENER_INSECURE',
    `listener ${host}:${port} can be reached from other machines, but nothing is encrypted and nobody has to log in`,
    'Listen on 127.0.0.1, or accept the risk in a network you trust with --allow-insecure (allow.insecure=true).',
  )
}

/** @param known where everybody finds this node already */
function listenerConfig(
  name: string,
  bind: Endpoint,
  advertised: Endpoint | undefined,
  known: Endpoint | null,
): ListenerConfig {
  const { host: advertisedHost = null, port: advertisedPort = null } = advertised ?? {}
  // Nobody can dial "all addresses"; by its name a machine, or a container, is found by its neighbours.
  const reachableHost = known?.host ?? (isWildcard(bind.host) ? hostname() : bind.host)
  return { name, ...bind, advertisedHost, advertisedPort, reachableHost }
}

function invalid(key: string, { origins }: LoadedConfig, problem: string): StartupError {
  return invalidConfig([
    `${origins.get(key) ?? 'default'}: Invalid value for configuration ${key}: ${problem}`,
  ])
}
