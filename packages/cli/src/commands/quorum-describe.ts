import { defineCommand } from '../command.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'
import { paint } from '../output.ts'

export default defineCommand<ConnectionOptions>({
  examples: ['millrace quorum describe', 'millrace quorum describe --output json | jq .leaderId'],

  configure: addConnectionOptions,

  async run({ options, output }) {
    const { withAdmin } = await import('../client-session.ts')
    const quorum = await withAdmin(options, (admin) => admin.describeQuorum())
    const { quorumSummary, quorumTable } = await import('../quorum-text.ts')
    output.result(
      quorum,
      () => `${paint('bold', 'quorum')}  ${quorumSummary(quorum)}\n\n${quorumTable(quorum)}`,
    )
  },
})
