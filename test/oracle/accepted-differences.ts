/**
 * Where Millrace answers otherwise than Apache Kafka, on purpose. Key: the scenario's name. `millrace` is what we answer
 * there; anything else is a failure as much as an unlisted difference is.
 */
export interface AcceptedDifference {
  readonly reason: string
  readonly millrace: unknown
}

export const acceptedDifferences: ReadonlyMap<string, AcceptedDifference> = new Map([
  [
    'configs: bad alterations are refused',
    {
      reason:
        'an alteration with an unknown operation is a mistake of the client, not an unknown error of the server',
      millrace: {
        unknown: 'INVALID_CONFIG',
        type: 'INVALID_CONFIG',
        bounds: 'INVALID_CONFIG',
        nothing: 'INVALID_REQUEST',
        appendToNumber: 'INVALID_CONFIG',
        operation: 'INVALID_REQUEST',
        twice: 'INVALID_REQUEST',
        topic: 'UNKNOWN_TOPIC_OR_PARTITION',
      },
    },
  ],
])
