import { usageError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { confirm, isInteractive } from '../confirm.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'

interface Options extends ConnectionOptions {
  readonly yes?: true
}

export default defineCommand<Options>({
  examples: ['millrace topic delete flights', 'millrace topic delete flights audit --yes'],

  configure(command) {
    command
      .argument('<name...>', 'topics to delete')
      .option('-y, --yes', 'do not ask (nobody is asked unless this runs in a terminal)')
    addConnectionOptions(command)
  },

  async run({ args: names, options, output, signal }) {
    if (options.yes !== true && isInteractive()) {
      await confirm(`Delete ${names.join(', ')} with all records?`, usageError('nothing was deleted'), signal)
    }
    const { withAdmin } = await import('../client-session.ts')
    await withAdmin(options, (admin) => admin.deleteTopics(names))
    output.result({ deleted: names }, () => names.map((name) => `deleted topic ${name}`).join('\n'))
  },
})
