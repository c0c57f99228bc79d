/** What a replica that has caught up asks its leader about the voter set. */
import type { AddVoterRequest, RemoveVoterRequest, UpdateVoterRequest } from './message.ts'
import type { Replica } from './replica.ts'

/**
 * A voter that listens elsewhere than the voter set says has it corrected (KIP-853). With `autoJoin`, a controller that is no
 * voter asks to be added, after the disk that it had before is removed (KIP-1186), unless that is alive: then two processes
 * have one id, and neither may take the vote from the other. Null: all is well.
 */
export function nextVoterRequest(
  replica: Replica,
): AddVoterRequest | RemoveVoterRequest | UpdateVoterRequest | null {
  const { self, endpoint, epoch, voters, config } = replica
  if (!replica.canVote || replica.isRetired || endpoint === null || !voters.isResolved) return null
  const known = voters.get(self.id)
  const timeoutMs = config.requestTimeoutMs
  if (known?.directoryId === self.directoryId) {
    const isRight = known.endpoint.host === endpoint.host && known.endpoint.port === endpoint.port
    return isRight ? null : { kind: 'update-voter', epoch, voter: { ...self, endpoint } }
  }
  if (!config.autoJoin) return null
  if (known !== undefined) {
    const voter = { id: known.id, directoryId: known.directoryId }
    return { kind: 'remove-voter', voter, timeoutMs, onlyIfSilent: true }
  }
  return { kind: 'add-voter', voter: { ...self, endpoint }, timeoutMs }
}
