/**
 * Where Millrace answers otherwise than Apache Kafka, on purpose. Key: the scenario's name. `millrace` is what we answer
 * there; anything else is a failure as much as an unlisted difference is.
 */
export interface AcceptedDifference {
  readonly reason: string
  readonly millrace: unknown
}

export const acceptedDifferences: ReadonlyMap<string, AcceptedDifference> = new Map<
  string,
  AcceptedDifference
>([])
