import { usageError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
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
    if (options.yes !== true && process.stdin.isTTY && process.stderr.isTTY) await confirm(names, signal)
    const { withAdmin } = await import('../client-session.ts')
    await withAdmin(options, (admin) => admin.deleteTopics(names))
    output.result({ deleted: names }, () => names.map((name) => `deleted topic ${name}`).join('\n'))
  },
})

async function confirm(names: readonly string[], signal: AbortSignal): Promise<void> {
  const { createInterface } = await import('node:readline/promises')
  const dialog = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await dialog.question(`Delete ${names.join(', ')} with all records? [y/N] `, { signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw usageError('nothing was deleted', null)
  } finally {
    dialog.close()
  }
}
