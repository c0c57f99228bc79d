/** Addresses as several APIs of the quorum carry them. */
import { nodeId, string, uint16 } from '../schema/field.ts'

/** One listener of the node that the message is about, by the listener's name. */
export const listenerFields = { name: string(), host: string(), port: uint16() }

/** Where a node named elsewhere in the message can be reached. */
export const nodeEndpointFields = { nodeId: nodeId(), host: string(), port: uint16() }
