import { Option } from 'commander'
import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { integer, keyValue } from '../options.ts'

interface Options {
  readonly config?: string
  readonly listen?: string
  readonly advertise?: string
  readonly data?: string
  readonly nodeId?: number
  readonly flush?: string
  readonly shards?: number
  readonly logLevel?: string
  readonly allowInsecure?: true
  readonly set?: ReadonlyMap<string, string>
}

export default defineCommand<Options>({
  examples: [
    'millrace broker --listen 127.0.0.1:9092 --data ./data',
    'millrace broker --config millrace.yaml --set log.retention.ms=3600000',
  ],

  configure(command) {
    command
      .option('--listen <host:port>', 'address to accept clients on; port 0 chooses one (listeners)')
      .option('--advertise <host:port>', 'address that clients are told to use (advertised.listeners)')
      .option('--data <dir>', 'folder for all data, made when missing (log.dirs)')
      .addOption(
        new Option('--flush <policy>', 'when an append counts as stored (flush.policy)').choices([
          'commit',
          'interval',
          'os',
        ]),
      )
      .option(
        '--shards <count>',
        'worker threads; 0: none, -1: one less than cores (shards)',
        integer(-1, 1024),
      )
      .option('--node-id <id>', 'number of this broker in the cluster (node.id)', integer(0, 0x7fffffff))
      .option('--allow-insecure', 'accept clients from other machines without encryption (allow.insecure)')
      .addOption(
        new Option('--log-level <level>', 'least important lines to print (logging.level)').choices([
          'debug',
          'info',
          'warn',
          'error',
          'silent',
        ]),
      )
      .option('--config <file>', 'YAML file with keys and values')
      .option('--set <key=value>', 'any key, several times; `millrace config docs` lists them', keyValue)
      .addHelpText(
        'after',
        '\nFlags win over environment variables (MILLRACE_LOG_RETENTION_MS for log.retention.ms), those over the file.',
      )
  },

  async run({ options, output }) {
    const { StartupError, runBroker } = await import('@millrace/server/process')
    try {
      await runBroker({
        configFile: options.config ?? null,
        environment: process.env,
        flags: [...settings(options, output.format === 'json')],
      })
    } catch (error) {
      if (error instanceof StartupError) throw new CliError(error.code, error.message, error.hint)
      throw error
    }
  },
})

function* settings(
  options: Options,
  jsonLog: boolean,
): Generator<{ key: string; value: string; origin: string }> {
  for (const [key, value] of options.set ?? []) yield { key, value, origin: '--set' }
  const named: [key: string, flag: string, value: string | number | boolean | undefined][] = [
    ['listeners', '--listen', options.listen],
    ['advertised.listeners', '--advertise', options.advertise],
    ['log.dirs', '--data', options.data],
    ['node.id', '--node-id', options.nodeId],
    ['flush.policy', '--flush', options.flush],
    ['shards', '--shards', options.shards],
    ['logging.level', '--log-level', options.logLevel],
    ['logging.format', '--output', jsonLog ? 'json' : undefined],
    ['allow.insecure', '--allow-insecure', options.allowInsecure],
  ]
  for (const [key, origin, value] of named)
    if (value !== undefined) yield { key, value: String(value), origin }
}
