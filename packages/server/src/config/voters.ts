/** `controller.quorum.voters`: the controllers as every node is told of them, `ID@HOST:PORT,…`. */
import { createHash } from 'node:crypto'
import { type NodeId, type Uuid, uuidFromBytes } from '@millrace/base'
import type { BootstrapVoter } from '@millrace/metadata-log'
import { formatEndpoint, isWildcard, parseEndpoint } from '../listener.ts'

const NODE_ID_MAX = 0x7fffffff

/** @returns the voters by id, ascending, or what is wrong with them */
export function parseVoters(
  texts: readonly string[],
): readonly BootstrapVoter[] | { readonly problem: string } {
  const byId = new Map<NodeId, BootstrapVoter>()
  const byAddress = new Map<string, NodeId>()
  for (const text of texts) {
    const voter = parseVoter(text)
    if (voter === null) return { problem: `"${text}" is not ID@HOST:PORT, such as 101@127.0.0.1:9093` }
    if (byId.has(voter.id)) return { problem: `node ${voter.id} is named twice` }
    const address = formatEndpoint(voter)
    const neighbour = byAddress.get(address)
    if (neighbour !== undefined) {
      return { problem: `nodes ${neighbour} and ${voter.id} have the same address ${address}` }
    }
    byId.set(voter.id, voter)
    byAddress.set(address, voter.id)
  }
  return [...byId.values()].sort((a, b) => a.id - b.id)
}

function parseVoter(text: string): BootstrapVoter | null {
  const match = /^(?<id>\d{1,10})@(?<address>.+)$/.exec(text)
  if (match?.groups === undefined) return null
  const id = Number(match.groups['id'])
  const endpoint = parseEndpoint(match.groups['address']!)
  // Where somebody is to be found can be neither "anywhere" nor "any port".
  const isDialable =
    endpoint !== null && endpoint.port > 0 && endpoint.port <= 0xffff && !isWildcard(endpoint.host)
  return id > NODE_ID_MAX || !isDialable ? null : { id: id as NodeId, ...endpoint }
}

export function formatVoters(voters: readonly BootstrapVoter[]): string {
  return voters.map((voter) => `${voter.id}@${formatEndpoint(voter)}`).join(',')
}

/**
 * The id of the cluster that begins with these voters: the same on every node, so that nobody has to hand it round.
 * A v4 uuid in form, from the SHA-256 of the sorted text.
 */
export function clusterIdOf(voters: readonly BootstrapVoter[]): Uuid {
  for (let salt = 0; ; salt++) {
    const text = `millrace cluster ${salt} ${formatVoters(voters)}`
    const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const id = uuidFromBytes(bytes)
    // On a command line a leading dash would look like an option.
    if (!id.startsWith('-')) return id
  }
}
