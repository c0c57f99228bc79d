/**
 * The broker as a process: configuration, log, signals, exit. SIGTERM and SIGINT stop it cleanly: requests under way
 * are answered, logs flushed, the clean mark written. A second signal ends it at once, as a crash would.
 */
import type { Log } from '@millrace/base'
import { trimMemory } from '@millrace/base/node'
import { type ConfigSources, loadConfig } from './config/load-config.ts'
import { createLog } from './logging/log.ts'
import { startConfigured } from './server.ts'

export { StartupError } from './startup-error.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
const EXIT_UNEXPECTED = 70
/** After the first clients, who came to see whether it is ready. */
const TRIM_DELAY_MS = 1000

/**
 * Resolves when the broker has stopped.
 * @throws StartupError when it cannot start
 */
export async function runBroker(sources: ConfigSources): Promise<void> {
  const loaded = await loadConfig(sources)
  const { 'logging.level': level, 'logging.format': format } = loaded.values
  const log = createLog({ level, format })
  const stopRequested = stopSignal(log)
  dieOnDefects(log)

  const server = await startConfigured(loaded, log)
  const { nodeId, clusterId, dataDirectory: data, bootstrap: address, shards } = server
  const flush = loaded.explicit.get('log.flush.policy') ?? 'commit'
  const startedMs = Math.round(performance.now())
  log.info({ address, nodeId, clusterId, data, shards, flush, startedMs }, 'broker is ready')
  if (loaded.values['allow.insecure']) {
    log.warn({ address }, 'connections are neither encrypted nor authenticated')
  }

  setTimeout(trimMemory, TRIM_DELAY_MS).unref()

  await stopRequested
  await server.close()
  log.info({ uptimeMs: Math.round(performance.now()) }, 'broker has stopped cleanly')
}

function stopSignal(log: Log): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let stopping = false
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (stopping) {
        log.warn({ signal }, 'second signal: stopping at once')
        process.exit(128 + (signal === 'SIGINT' ? 2 : 15))
      }
      stopping = true
      log.info({ signal }, 'stopping')
      resolve()
    })
  }
  return promise
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
