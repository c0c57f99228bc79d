/** Clients as commands use them: opened from the shared options, closed on every path, their errors made readable. */
import { Admin, BrokerError, type ClientOptions, MillraceError, PartialFailureError } from '@millrace/client'
import { CliError } from './cli-error.ts'
import type { ConnectionOptions } from './options.ts'

const CONNECT_TIMEOUT_MS = 5000
/** A person who mistyped a name wants to hear of it; a topic that was just created appears within this everywhere. */
const UNKNOWN_TOPIC_TIMEOUT_MS = 1000
/** Longer than an election takes, shorter than a person takes a command to be stuck. */
const NO_CONTROLLER_TIMEOUT_MS = 5000

export function clientOptions({ bootstrap, wire, timeout }: ConnectionOptions) {
  return {
    bootstrap,
    wire,
    clientId: 'millrace-cli',
    connectTimeoutMs: Math.min(timeout, CONNECT_TIMEOUT_MS),
    apiTimeoutMs: timeout,
    unknownTopicTimeoutMs: UNKNOWN_TOPIC_TIMEOUT_MS,
    noControllerTimeoutMs: NO_CONTROLLER_TIMEOUT_MS,
  } satisfies ClientOptions
}

/** @throws CliError instead of what the client threw */
export async function withAdmin<Result>(
  options: ConnectionOptions,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  const { connectTimeoutMs, ...client } = clientOptions(options)
  await using admin = new Admin({ ...client, connectTimeoutMs })
  // By itself, so that a wrong address is an error after seconds, whatever the command's own patience is.
  await withClientErrors(options, () => admin.connect({ timeoutMs: connectTimeoutMs }))
  try {
    return await withClientErrors(options, () => work(admin))
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'TIMEOUT') throw error
    // A broker was there, so that nothing is wrong with the address.
    throw new CliError(error.code, error.message, UNANSWERED_HINT)
  }
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

const LEADERLESS_HINT =
  'Start controllers until a majority of controller.quorum.voters runs, and check that they reach each other: their logs say who does not answer.'
const UNANSWERED_HINT =
  'Brokers were reached, but did not answer in time. `millrace cluster describe` shows whether the controllers have a leader.'

const HINTS: ReadonlyMap<string, string> = new Map([
  [
    'UNKNOWN_TOPIC_OR_PARTITION',
    'List the topics with `millrace topic list`, or create this one with `millrace topic create`.',
  ],
  ['TOPIC_ALREADY_EXISTS', 'Look at it with `millrace topic describe`, or add --if-not-exists.'],
  ['INVALID_REPLICATION_FACTOR', 'A topic cannot have more replicas than there are brokers.'],
  ['BROKER_ID_NOT_REGISTERED', 'List the brokers with `millrace broker list`.'],
  [
    'UNSUPPORTED_VERSION',
    'This cluster does not offer that. With Apache Kafka, it takes KRaft of version 3.9 or newer.',
  ],
  [
    'INVALID_REPLICA_ASSIGNMENT',
    'Name brokers of `millrace broker list`, each once, and leave one that is in sync.',
  ],
  [
    'PREFERRED_LEADER_NOT_AVAILABLE',
    'The first of the replicas must run and be in sync: `millrace partition list` shows who is.',
  ],
  [
    'ELIGIBLE_LEADERS_NOT_AVAILABLE',
    'At least one replica must run: `millrace partition list` shows where they are, `millrace broker list` who runs.',
  ],
  ['INVALID_CONFIG', '`millrace topic describe NAME --configs` shows the names and values of a topic.'],
])

function asCliError(error: MillraceError, { bootstrap }: ConnectionOptions): CliError {
  // The input of a producer failed, not the producer: its message already tells how far it came.
  if (error.cause instanceof CliError) return new CliError(error.cause.code, error.message, null)
  if (error instanceof PartialFailureError) return ofSeveral(error)
  if (isLeaderless(error)) {
    const message = `no controller is active, because a majority of them is missing or cannot agree: ${error.message}`
    return new CliError('NO_ACTIVE_CONTROLLER', message, LEADERLESS_HINT)
  }
  const unreachable = error.code === 'CONNECTION' || error.code === 'TIMEOUT'
  const hint = unreachable
    ? `Is a broker running at ${bootstrap}? Start one with \`millrace broker\`, or name another with --bootstrap.`
    : (HINTS.get(error.code) ?? null)
  return new CliError(error.code, error.message, hint)
}

const NAMED_FAILURES_MAX = 3

/** Named are the first ones; when all failed in the same way, what helps against that is said once. */
function ofSeveral({ code, failures, message }: PartialFailureError): CliError {
  const errors = [...failures.values()]
  const codes = new Set(errors.map((error) => error.code))
  const [only = code] = codes.size === 1 ? codes : []
  const hint = HINTS.get(only) ?? null
  const left = errors.slice(NAMED_FAILURES_MAX)
  if (left.length === 0) return new CliError(code, message, hint)
  const shown = message.slice(0, message.indexOf(`; ${left[0]!.message}`))
  return new CliError(code, `${shown}; and ${left.length} more`, hint)
}

/** Brokers answered, and said for the whole time that no controller decides. */
function isLeaderless({ code, cause }: MillraceError): boolean {
  return code === 'TIMEOUT' && cause instanceof BrokerError && cause.code === 'NOT_CONTROLLER'
}

function isAbort(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === 'AbortError'
}
