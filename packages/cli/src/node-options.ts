/** Options of the commands that run a node in this process, and what they mean as configuration. */
import { type Command, Option } from 'commander'
import { CliError } from './cli-error.ts'
import { integer, keyValue } from './options.ts'
import type { OutputFormat } from './output.ts'

export interface NodeOptions {
  readonly config?: string
  readonly listen?: string
  readonly advertise?: string
  readonly data?: string
  readonly nodeId?: number
  readonly clusterId?: string
  readonly controllers?: string
  readonly logLevel?: string
  readonly allowInsecure?: true
  readonly stopWithParent?: true
  readonly set?: ReadonlyMap<string, string>
}

export interface FlagSetting {
  readonly key: string
  readonly value: string
  /** The flag, for messages. */
  readonly origin: string
}

/** Key, flag, and the flag's value where it was given. */
export type NamedSetting = readonly [key: string, flag: string, value: string | number | boolean | undefined]

/** @param whom who connects to the node, for the help text */
export function addNodeOptions(command: Command, whom: string): Command {
  return command
    .option('--listen <host:port>', `address to accept ${whom} on; port 0 chooses one (listeners)`)
    .option('--advertise <host:port>', `address that ${whom} are told to use (advertised.listeners)`)
    .option('--data <dir>', 'folder for all data, made when missing (log.dirs)')
    .option('--node-id <id>', 'number of this node, unique in the cluster (node.id)', integer(0, 0x7fffffff))
    .option(
      '--controllers <id@host:port,…>',
      'all controllers, the same on every node (controller.quorum.voters)',
    )
    .option('--cluster-id <id>', 'refuse to join another cluster; follows from --controllers (cluster.id)')
}

export function addGeneralNodeOptions(command: Command): Command {
  return command
    .option('--allow-insecure', 'accept connections from other machines without encryption (allow.insecure)')
    .addOption(
      new Option('--log-level <level>', 'least important lines to print (logging.level)').choices([
        'debug',
        'info',
        'warn',
        'error',
        'silent',
      ]),
    )
    .addOption(
      new Option('--stop-with-parent', 'for `millrace dev`: stop when the channel closes').hideHelp(),
    )
    .option('--config <file>', 'YAML file with keys and values')
    .option('--set <key=value>', 'any key, several times; `millrace config docs` lists them', keyValue)
    .addHelpText(
      'after',
      '\nFlags win over environment variables (MILLRACE_LOG_RETENTION_MS for log.retention.ms), those over the file.',
    )
}

/** What the flags say, `--set` first so that a flag of its own wins. */
export function nodeSettings(
  options: NodeOptions,
  format: OutputFormat,
  role: readonly NamedSetting[],
): FlagSetting[] {
  const named: NamedSetting[] = [
    ['listeners', '--listen', options.listen],
    ['advertised.listeners', '--advertise', options.advertise],
    ['log.dirs', '--data', options.data],
    ['node.id', '--node-id', options.nodeId],
    ['cluster.id', '--cluster-id', options.clusterId],
    ['controller.quorum.voters', '--controllers', options.controllers],
    ['logging.level', '--log-level', options.logLevel],
    ['logging.format', '--output', format === 'json' ? 'json' : undefined],
    ['allow.insecure', '--allow-insecure', options.allowInsecure],
    ...role,
  ]
  return [
    ...[...(options.set ?? [])].map(([key, value]) => ({ key, value, origin: '--set' })),
    ...named.flatMap(([key, origin, value]) =>
      value === undefined ? [] : [{ key, value: String(value), origin }],
    ),
  ]
}

/**
 * Runs the node until it is stopped. One that was started by `millrace dev` stops with it, however that ended: its
 * channel closes then.
 * @throws CliError when it cannot start
 */
export async function serveNode(
  { config, stopWithParent }: NodeOptions,
  flags: readonly FlagSetting[],
): Promise<void> {
  const { runNode, StartupError } = await import('@millrace/server/process')
  const stop = (): boolean => process.kill(process.pid, 'SIGTERM')
  if (stopWithParent === true) process.once('disconnect', stop)
  try {
    await runNode({ configFile: config ?? null, environment: process.env, flags })
  } catch (error) {
    if (error instanceof StartupError) throw new CliError(error.code, error.message, error.hint)
    throw error
  } finally {
    process.off('disconnect', stop)
    // An open channel would keep this process alive.
    if (stopWithParent === true && process.connected) process.disconnect()
  }
}
