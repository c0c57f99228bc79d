import {
  formatEndpoint,
  type NewVoter,
  parseBootstrap,
  type QuorumDescription,
  type QuorumReplica,
} from '@millrace/client'
import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, type ConnectionOptions, integer } from '../options.ts'
import { voterIds } from '../quorum-text.ts'
import { idList } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly directoryId?: string
  readonly endpoint?: string
}

export default defineCommand<Options>({
  examples: ['millrace quorum add-voter 104', 'millrace quorum add-voter 104 --endpoint 10.0.0.4:9192'],

  configure(command) {
    command
      .argument('<id>', 'number of the controller', (text) => String(integer(0, 0x7fffffff)(text)))
      .option('--directory-id <id>', 'its data folder, when the quorum knows two under this number')
      .option('--endpoint <host:port>', 'where the other controllers reach it, when the quorum does not know')
    addConnectionOptions(command)
  },

  async run({ args: [text = ''], options, output }) {
    const { withAdmin } = await import('../client-session.ts')
    const { voter, voters } = await withAdmin(options, async (admin) => {
      const found = newVoter(await admin.describeQuorum(), Number(text), options)
      await admin.addVoter(found)
      return { voter: found, voters: voterIds(await admin.describeQuorum()) }
    })
    output.result({ id: voter.id, directoryId: voter.directoryId, endpoints: voter.endpoints, voters }, () =>
      [
        `controller ${voter.id} at ${voter.endpoints.map(formatEndpoint).join(', ')} has a vote now`,
        `voters: ${idList(voters)}`,
      ].join('\n'),
    )
  },
})

/** What the quorum knows of the controller, completed by the options. @throws CliError when that is not enough */
export function newVoter(
  quorum: QuorumDescription,
  id: number,
  { directoryId, endpoint }: Pick<Options, 'directoryId' | 'endpoint'>,
): NewVoter {
  const candidates = quorum.observers.filter(
    (observer) => observer.id === id && (directoryId === undefined || observer.directoryId === directoryId),
  )
  refuseVoter(quorum, id, candidates)
  const [found, ...others] = candidates
  if (found === undefined) throw unknownObserver(quorum, id)
  if (others.length > 0) {
    throw new CliError(
      'AMBIGUOUS_VOTER',
      `two data folders follow the quorum as node ${id}`,
      `Name one with --directory-id: ${candidates.map((each) => each.directoryId).join(' or ')}.`,
    )
  }
  const endpoints = endpoint === undefined ? found.endpoints : parseBootstrap(endpoint)
  if (endpoints.length === 0) {
    throw new CliError(
      'UNKNOWN_ENDPOINT',
      `the quorum does not know where node ${id} listens for other controllers`,
      `If it is a controller, name the address with --endpoint HOST:PORT. A broker cannot vote.`,
    )
  }
  return { id, directoryId: found.directoryId, endpoints }
}

function refuseVoter(quorum: QuorumDescription, id: number, candidates: readonly QuorumReplica[]): void {
  const voter = quorum.voters.find((each) => each.id === id)
  if (voter === undefined) return
  if (candidates.length === 0) {
    throw new CliError('DUPLICATE_VOTER', `controller ${id} has a vote already`, null)
  }
  throw new CliError(
    'DUPLICATE_VOTER',
    `controller ${id} has a vote already, with another data folder (${voter.directoryId})`,
    `If that folder is lost, take its vote first: \`millrace quorum remove-voter ${id}\`.`,
  )
}

function unknownObserver({ observers }: QuorumDescription, id: number): CliError {
  const ids = observers.map((observer) => observer.id)
  const there = ids.length === 0 ? 'Nobody follows without a vote.' : `Without a vote follow ${idList(ids)}.`
  const start = `Start it first: \`millrace controller --node-id ${id} --listen HOST:PORT --controllers …\`.`
  return new CliError('UNKNOWN_OBSERVER', `no node ${id} follows the quorum`, `${there} ${start}`)
}
