/** In which log directory a broker keeps a replica, as far as the controller can know (KIP-858). */
import type { NodeId, Uuid } from '@millrace/base'
import type { BrokersImage } from '@millrace/metadata'

/** Kafka's id for "on whichever log directory the broker chooses". */
const UNASSIGNED_DIRECTORY = 'AAAAAAAAAAAAAAAAAAAAAQ' as Uuid

/** Of a replica that is new to the broker. */
export function directoryOf(brokers: BrokersImage, id: NodeId): Uuid {
  const [only, ...others] = brokers.get(id)?.logDirs ?? []
  return only !== undefined && others.length === 0 ? only : UNASSIGNED_DIRECTORY
}
