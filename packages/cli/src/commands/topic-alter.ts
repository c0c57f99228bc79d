import { usageError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, collect, type ConnectionOptions, integer, keyValue } from '../options.ts'
import { plural } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly partitions?: number
  readonly set?: ReadonlyMap<string, string>
  readonly unset?: readonly string[]
}

export default defineCommand<Options>({
  examples: [
    'millrace topic alter flights --set retention.ms=86400000 --unset segment.bytes',
    'millrace topic alter flights --partitions 12',
  ],

  configure(command) {
    command
      .argument('<name>', 'name of the topic')
      .option(
        '--partitions <total>',
        'grow to this many partitions; keys may then move to another partition',
        integer(1, 100_000),
      )
      .option('--set <key=value>', 'set a configuration; several times', keyValue)
      .option('--unset <key>', 'return a configuration to its default; several times', collect)
    addConnectionOptions(command)
  },

  async run({ args: [name = ''], options, output }) {
    const { partitions, set = new Map<string, string>(), unset = [] } = options
    if (partitions === undefined && set.size === 0 && unset.length === 0) {
      throw usageError('nothing to change', 'Give --partitions, --set or --unset.')
    }
    const { withAdmin } = await import('../client-session.ts')
    const changes = await withAdmin(options, async (admin) => {
      const done: string[] = []
      if (set.size > 0 || unset.length > 0) {
        await admin.alterConfigs([{ type: 'topic', name, set: Object.fromEntries(set), remove: unset }])
        for (const [key, value] of set) done.push(`${key} = ${value}`)
        for (const key of unset) done.push(`${key} at its default`)
      }
      if (partitions !== undefined) {
        await admin.createPartitions([{ name, totalPartitions: partitions }])
        done.push(plural(partitions, 'partition'))
      }
      return done
    })
    output.result({ name, partitions: partitions ?? null, set: Object.fromEntries(set), unset }, () =>
      [`altered topic ${name}:`, ...changes.map((change) => `  ${change}`)].join('\n'),
    )
  },
})
