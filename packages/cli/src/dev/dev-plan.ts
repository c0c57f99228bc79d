/**
 * Which nodes a development cluster has, and what its folder remembers of it: `cluster.json`. Pure; reading and writing
 * is `dev-folder.ts`.
 *
 * Invariants: brokers have the ids 1, 2, …, controllers 101, 102, …; no two nodes have the same port.
 */
import { parseUuid } from '@millrace/base'
import { CliError } from '../cli-error.ts'

const NODE_ROLES = ['controller', 'broker'] as const
export type NodeRole = (typeof NODE_ROLES)[number]

export const DEV_HOST = '127.0.0.1'
export const DEFAULT_BASE_PORT = 9092
/** Leaves room for the ports of all nodes above it. */
export const BASE_PORT_MAX = 65_000
export const DEFAULT_NODES = 3
const FIRST_ID = { broker: 1, controller: 101 } as const

export interface PlannedNode {
  readonly id: number
  readonly role: NodeRole
  readonly port: number
}

/** What is kept from one run to the next. */
export interface DevState {
  readonly clusterId: string
  /** Controllers first. */
  readonly nodes: readonly PlannedNode[]
}

/** What the command line asks for; null: as the folder says, or the default. */
export interface WantedCluster {
  readonly controllers: number | null
  readonly brokers: number | null
  readonly basePort: number | null
}

/** Node 1 at the base port, the others as far from it as their ids are. */
function preferredPort(basePort: number, id: number): number {
  return basePort + id - 1
}

/** Nodes that are added stay near those that are there. */
function basePortOf(known: DevState | null): number {
  const first = known?.nodes.find(({ id }) => id === FIRST_ID.broker)?.port ?? DEFAULT_BASE_PORT
  return first <= BASE_PORT_MAX ? first : DEFAULT_BASE_PORT
}

/**
 * The cluster of the folder with the nodes that are wanted in addition. Ports are wishes: they may be taken.
 * @param newClusterId for a folder without a cluster
 * @throws CliError when nodes would have to go
 */
export function planCluster(known: DevState | null, wanted: WantedCluster, newClusterId: string): DevState {
  const nodes = NODE_ROLES.flatMap((role) => {
    const before = known?.nodes.filter((node) => node.role === role) ?? []
    const asked = role === 'broker' ? wanted.brokers : wanted.controllers
    const count = asked ?? (known === null ? DEFAULT_NODES : before.length)
    if (count < before.length) throw shrinking(role, before.length, count)
    return Array.from({ length: count }, (_, index) => {
      const id = FIRST_ID[role] + index
      const port = preferredPort(wanted.basePort ?? basePortOf(known), id)
      return { id, role, port: wanted.basePort === null ? (before[index]?.port ?? port) : port }
    })
  })
  return { clusterId: known?.clusterId ?? newClusterId, nodes }
}

function shrinking(role: NodeRole, before: number, asked: number): CliError {
  return new CliError(
    'DEV_CLUSTER_LARGER',
    `the cluster in this folder has ${before} ${role}s, not ${asked}`,
    `Leave --${role}s out to start it as it is, or choose another folder with --data.`,
  )
}

/** A node that did not get the port it should have had. */
export interface MovedNode {
  readonly node: PlannedNode
  /** The port that was taken. */
  readonly from: number
}

export interface ChosenPorts {
  readonly nodes: readonly PlannedNode[]
  readonly moved: readonly MovedNode[]
}

/**
 * @param isFree whether nothing listens there
 * @param choose a free port; may give the same one twice
 */
export async function choosePorts(
  planned: readonly PlannedNode[],
  isFree: (port: number) => Promise<boolean>,
  choose: () => Promise<number>,
): Promise<ChosenPorts> {
  const given = new Set(planned.map(({ port }) => port))
  const moved: MovedNode[] = []
  const nodes: PlannedNode[] = []
  for (const node of planned) {
    if (await isFree(node.port)) {
      nodes.push(node)
      continue
    }
    let port = await choose()
    while (given.has(port)) port = await choose()
    given.add(port)
    nodes.push({ ...node, port })
    moved.push({ node: { ...node, port }, from: node.port })
  }
  return { nodes, moved }
}

/** `controller.quorum.voters` of every node. */
export function votersText(nodes: readonly PlannedNode[]): string {
  return nodes
    .filter(({ role }) => role === 'controller')
    .map(({ id, port }) => `${id}@${DEV_HOST}:${port}`)
    .join(',')
}

export function bootstrapText(nodes: readonly PlannedNode[]): string {
  return nodes
    .filter(({ role }) => role === 'broker')
    .map(({ port }) => `${DEV_HOST}:${port}`)
    .join(',')
}

export function nodeName({ role, id }: Pick<PlannedNode, 'role' | 'id'>): string {
  return `${role}-${id}`
}

/** As `startCluster` of `@millrace/server` keeps it: ids and addresses. An id says the role. */
export function formatState({ clusterId, nodes }: DevState): string {
  const addresses = Object.fromEntries(nodes.map(({ id, port }) => [id, `${DEV_HOST}:${port}`]))
  return JSON.stringify({ clusterId, addresses }, null, 2) + '\n'
}

/** @returns null for a text that is no state */
export function parseState(text: string): DevState | null {
  const parsed = parsedJson(text)
  if (!isRecord(parsed) || !isRecord(parsed.addresses)) return null
  const { clusterId, addresses } = parsed
  if (typeof clusterId !== 'string' || parseUuid(clusterId) === null) return null
  const nodes = Object.entries(addresses).map(([id, address]) => parseNode(Number(id), address))
  const ordered = NODE_ROLES.flatMap((role) => consecutive(nodes, role))
  return ordered.includes(null) || ordered.length !== nodes.length
    ? null
    : { clusterId, nodes: ordered as PlannedNode[] }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Cut off or edited: no state, which the caller reports with the name of the file.
    return null
  }
}

function parseNode(id: number, address: unknown): PlannedNode | null {
  const port = Number(/^127\.0\.0\.1:(\d{1,5})$/.exec(String(address))?.[1])
  if (!(port > 0 && port <= 0xffff)) return null
  return { id, role: id < FIRST_ID.controller ? 'broker' : 'controller', port }
}

/** Those of one role by id; a hole, or none at all, is null. */
function consecutive(nodes: readonly (PlannedNode | null)[], role: NodeRole): (PlannedNode | null)[] {
  const ofRole = nodes.filter((node) => node?.role === role)
  return Array.from(
    { length: Math.max(1, ofRole.length) },
    (_, index) => ofRole.find((node) => node?.id === FIRST_ID[role] + index) ?? null,
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
