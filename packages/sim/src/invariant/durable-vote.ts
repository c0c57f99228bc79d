/** The content of a `quorum-state` file, read without the product's help. */

export interface DurableVote {
  readonly epoch: number
  /** −1: none is known. */
  readonly leaderId: number
  /** −1: nobody has this node's vote. */
  readonly votedId: number
}

/** @returns null for anything else, such as a file that is still being written */
export function parseVote(content: Buffer): DurableVote | null {
  try {
    const { leaderEpoch, leaderId, votedId } = JSON.parse(content.toString('utf8')) as Record<string, unknown>
    if (typeof leaderEpoch !== 'number' || typeof leaderId !== 'number' || typeof votedId !== 'number')
      return null
    return { epoch: leaderEpoch, leaderId, votedId }
  } catch {
    // Half a file: whoever reads it next says so.
    return null
  }
}
