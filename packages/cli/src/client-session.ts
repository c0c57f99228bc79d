/** Clients as commands use them: opened from the shared options, closed on every path, their errors made readable. */
import { Admin, type ClientOptions, MillraceError } from '@millrace/client'
import { CliError } from './cli-error.ts'
import type { ConnectionOptions } from './options.ts'

const CONNECT_TIMEOUT_MS = 5000
/** A person who mistyped a name wants to hear of it; a topic that was just created appears within this everywhere. */
const UNKNOWN_TOPIC_TIMEOUT_MS = 1000

export function clientOptions({ bootstrap, wire, timeout }: ConnectionOptions) {
  return {
    bootstrap,
    wire,
    clientId: 'millrace-cli',
    connectTimeoutMs: Math.min(timeout, CONNECT_TIMEOUT_MS),
    apiTimeoutMs: timeout,
    unknownTopicTimeoutMs: UNKNOWN_TOPIC_TIMEOUT_MS,
  } satisfies ClientOptions
}

/** @throws CliError instead of what the client threw */
export async function withAdmin<Result>(
  options: ConnectionOptions,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  return await withClientErrors(options, async () => {
    const { connectTimeoutMs, ...client } = clientOptions(options)
    await using admin = new Admin({ ...client, connectTimeoutMs })
    // By itself, so that a wrong address is an error after seconds, whatever the command's own patience is.
    await admin.connect({ timeoutMs: connectTimeoutMs })
    return await work(admin)
  })
}

/** @throws CliError instead of what a client threw */
export async function withClientErrors<Result>(
  options: ConnectionOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    throw isAbort(error.cause) ? error.cause : asCliError(error, options)
  }
}

const HINTS: ReadonlyMap<string, string> = new Map([
  [
    'UNKNOWN_TOPIC_OR_PARTITION',
    'List the topics with `millrace topic list`, or create this one with `millrace topic create`.',
  ],
  ['TOPIC_ALREADY_EXISTS', 'Look at it with `millrace topic describe`, or add --if-not-exists.'],
  ['INVALID_REPLICATION_FACTOR', 'A topic cannot have more replicas than there are brokers.'],
  ['INVALID_CONFIG', '`millrace topic describe NAME --configs` shows the names and values of a topic.'],
])

function asCliError(error: MillraceError, { bootstrap }: ConnectionOptions): CliError {
  // The input of a producer failed, not the producer: its message already tells how far it came.
  if (error.cause instanceof CliError) return new CliError(error.cause.code, error.message, null)
  const unreachable = error.code === 'CONNECTION' || error.code === 'TIMEOUT'
  const hint = unreachable
    ? `Is a broker running at ${bootstrap}? Start one with \`millrace broker\`, or name another with --bootstrap.`
    : (HINTS.get(error.code) ?? null)
  return new CliError(error.code, error.message, hint)
}

function isAbort(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === 'AbortError'
}
