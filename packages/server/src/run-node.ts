/**
 * A node as a process: configuration, log, signals, exit. SIGTERM and SIGINT stop it cleanly: leaderships are handed over,
 * requests under way answered, logs flushed, the clean mark written. A second signal ends it at once, as a crash would.
 */
import type { Log } from '@millrace/base'
import { tidyUpWhenCalm } from '@millrace/base/node'
import { type ConfigSources, type LoadedConfig, loadConfig } from './config/load-config.ts'
import { createLog } from './logging/log.ts'
import type { RunningNode } from './node.ts'
import { startConfigured } from './server.ts'
import { StartupError } from './startup-error.ts'

export { StartupError }

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
const EXIT_UNEXPECTED = 70

/**
 * Resolves when the node has stopped.
 * @throws StartupError when it cannot start, or finds later that it belongs to another cluster than its peers
 */
export async function runNode(sources: ConfigSources): Promise<void> {
  const loaded = await loadConfig(sources)
  const { 'logging.level': level, 'logging.format': format } = loaded.values
  const log = createLog({ level, format })
  const stop = stopSignal(log)
  dieOnDefects(log)

  const node = await startUnlessStopped(loaded, log, stop.signal)
  if (node === null) {
    log.info({}, 'stopped before it was ready')
    return
  }
  reportReady(node, loaded, log)
  tidyUpWhenCalm()

  const refusal = await Promise.race([stop.requested, node.refused])
  await node.close()
  if (refusal instanceof StartupError) throw refusal
  log.info({ uptimeMs: Math.round(performance.now()) }, `${nameOf(node)} has stopped cleanly`)
}

/** A broker may wait for a controller for a long time: a signal ends that, too. */
async function startUnlessStopped(
  loaded: LoadedConfig,
  log: Log,
  signal: AbortSignal,
): Promise<RunningNode | null> {
  try {
    return await startConfigured(loaded, log, { signal })
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

function reportReady(node: RunningNode, { values, explicit }: LoadedConfig, log: Log): void {
  const { nodeId, clusterId, roles, dataDirectory: data, bootstrap, controllerListener, shards } = node
  const address = bootstrap ?? controllerListener
  const facts = { address, nodeId, clusterId, roles, data }
  const startedMs = Math.round(performance.now())
  if (bootstrap === null) log.info({ ...facts, startedMs }, 'controller is ready')
  else {
    const flush = explicit.get('log.flush.policy') ?? 'commit'
    const controller = controllerListener === null ? {} : { controllerListener }
    log.info({ ...facts, ...controller, shards, flush, startedMs }, 'broker is ready')
  }
  if (values['allow.insecure']) log.warn({ address }, 'connections are neither encrypted nor authenticated')
}

function nameOf({ bootstrap }: RunningNode): string {
  return bootstrap === null ? 'controller' : 'broker'
}

function stopSignal(log: Log): { readonly requested: Promise<void>; readonly signal: AbortSignal } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const abort = new AbortController()
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (abort.signal.aborted) {
        log.warn({ signal }, 'second signal: stopping at once')
        process.exit(128 + (signal === 'SIGINT' ? 2 : 15))
      }
      log.info({ signal }, 'stopping')
      abort.abort()
      resolve()
    })
  }
  return { requested: promise, signal: abort.signal }
}

/** An error that nobody expected leaves the process in an unknown state: stop, and let recovery sort it out. */
function dieOnDefects(log: Log): void {
  const die = (error: unknown): void => {
    log.error({ error }, 'stopping because of a defect')
    process.exit(EXIT_UNEXPECTED)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
}
