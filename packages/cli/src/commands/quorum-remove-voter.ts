import type { QuorumDescription, QuorumReplica } from '@millrace/client'
import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, type ConnectionOptions, integer } from '../options.ts'
import { voterIds } from '../quorum-text.ts'
import { idList } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly directoryId?: string
}

/** Controllers fetch several times a second. */
const ALIVE_MS = 2000

export default defineCommand<Options>({
  examples: ['millrace quorum remove-voter 103'],

  configure(command) {
    command
      .argument('<id>', 'number of the controller', (text) => String(integer(0, 0x7fffffff)(text)))
      .option('--directory-id <id>', 'only if it votes with this data folder')
      .addHelpText('after', '\nStop the controller first: one that runs asks for its vote again by itself.')
    addConnectionOptions(command)
  },

  async run({ args: [text = ''], options, output }) {
    const { withAdmin } = await import('../client-session.ts')
    const { voter, voters } = await withAdmin(options, async (admin) => {
      const found = votingReplica(await admin.describeQuorum(), Number(text), options.directoryId)
      await admin.removeVoter(found)
      return { voter: found, voters: voterIds(await admin.describeQuorum()) }
    })
    if ((voter.lastFetchAgeMs ?? Infinity) < ALIVE_MS) output.note(rejoinNote(voter.id))
    const { id, directoryId } = voter
    output.result({ id, directoryId, voters }, () =>
      [`controller ${id} has no vote any more`, `voters: ${idList(voters)}`].join('\n'),
    )
  },
})

/** As the quorum does it by itself (KIP-1186). */
function rejoinNote(id: number): string {
  return `controller ${id} seems to run: unless it has controller.quorum.auto.join.enable=false, it asks for its vote again. Stop it.`
}

/** @throws CliError when it does not vote, or is the last that does */
export function votingReplica(
  { voters }: QuorumDescription,
  id: number,
  directoryId: string | undefined,
): QuorumReplica {
  const ids = voters.map((voter) => voter.id)
  const found = voters.find((voter) => voter.id === id)
  if (found === undefined) {
    throw new CliError('VOTER_NOT_FOUND', `controller ${id} has no vote`, `Votes have ${idList(ids)}.`)
  }
  if (directoryId !== undefined && found.directoryId !== directoryId) {
    throw new CliError(
      'VOTER_NOT_FOUND',
      `controller ${id} votes with another data folder: ${found.directoryId}`,
      null,
    )
  }
  if (voters.length === 1) {
    throw new CliError(
      'LAST_VOTER',
      `controller ${id} is the only one that votes`,
      'Give another controller a vote first: `millrace quorum add-voter ID`.',
    )
  }
  return found
}
