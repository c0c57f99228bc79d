/** Servers inside another program: for tests, and for applications that bring their broker along. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from '@millrace/base'
import { silentLog } from '@millrace/base/node'
import { type LoadedConfig, loadConfig } from './config/load-config.ts'
import { isServer, type RunningServer, startConfigured } from './server.ts'
import { StartupError } from './startup-error.ts'

export interface ServerOptions {
  /** Keys of docs/config.md with their values: these win over file and environment. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  readonly configFile?: string
  /** Variables MILLRACE_…; none when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Silent when left out. */
  readonly log?: Log
}

/**
 * Starts a server in this process, with a broker's defaults: alone it is a whole cluster, with `process.roles` and
 * `controller.quorum.voters` it is part of one.
 * @throws StartupError when it cannot start: configuration, data folder, address
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { log = silentLog } = options
  const node = await startConfigured(await loadSettings(options), log)
  if (isServer(node)) return node
  await node.close()
  throw new StartupError(
    'CONFIG_INVALID',
    'process.roles=controller makes no server for clients: add the role broker',
  )
}

/** The configuration that `settings` and the other sources make together. @throws StartupError */
export function loadSettings(options: ServerOptions): Promise<LoadedConfig> {
  const { settings = {}, configFile = null, environment = {} } = options
  const flags = Object.entries(settings).map(([key, value]) => ({
    key,
    value: String(value),
    origin: 'settings',
  }))
  return loadConfig({ configFile, environment, flags })
}

/** What suits a test: one thread, a port that the system chooses, no waiting for the disk. */
const EMBEDDED_SETTINGS = {
  listeners: '127.0.0.1:0',
  shards: 0,
  'flush.policy': 'os',
  'codec.threads': 0,
  'num.recovery.threads.per.data.dir': 0,
} as const

/**
 * Starts a server for a test: in milliseconds, on this thread, in a temporary folder that goes away with it unless
 * `log.dirs` names one.
 *
 * @example
 * ```ts
 * await using server = await startEmbeddedServer()
 * const producer = new Producer({ bootstrap: server.bootstrap })
 * ```
 */
export async function startEmbeddedServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { settings = {} } = options
  const own = ['log.dirs', 'log.dir', 'data.dir'].some((key) => key in settings)
  const folder = own ? null : mkdtempSync(join(tmpdir(), 'millrace-'))
  const forget = (): void => {
    if (folder !== null) rmSync(folder, { recursive: true, force: true })
  }
  try {
    const data = folder === null ? {} : { 'log.dirs': folder }
    const server = await startServer({ ...options, settings: { ...EMBEDDED_SETTINGS, ...data, ...settings } })
    const close = (): Promise<void> => server.close().finally(forget)
    return { ...server, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    forget()
    throw error
  }
}
