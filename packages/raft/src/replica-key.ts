/** A replica of the metadata log: the node, and which of the disks it has had (KIP-853). */
import { type NodeId, type Uuid, ZERO_UUID } from '@millrace/base'

export interface ReplicaKey {
  readonly id: NodeId
  /** Drawn when the data folder was made, so that a node whose disk was replaced is another replica. */
  readonly directoryId: Uuid
}

/** Where a voter can be reached. */
export interface VoterEndpoint {
  readonly host: string
  readonly port: number
}

/** In a directory id: it has not been learnt yet. Only a configured voter set has such voters. */
export const UNKNOWN_DIRECTORY: Uuid = ZERO_UUID

/** An unknown directory stands for any. */
export function isSameReplica(known: ReplicaKey, other: ReplicaKey): boolean {
  return (
    known.id === other.id &&
    (known.directoryId === other.directoryId ||
      known.directoryId === UNKNOWN_DIRECTORY ||
      other.directoryId === UNKNOWN_DIRECTORY)
  )
}
