/**
 * The broker of a node: started as soon as there is a controller, given up when none comes, when the controllers turn out
 * to be another cluster's, or when whoever started it wants it no more.
 */
import { type Endpoint, type Env, NO_NODE, type TimerId } from '@millrace/base'
import { type BrokerConfig, type ControllerChannel, createBroker } from '@millrace/broker'
import type { MetadataQuorum } from '@millrace/metadata-log'
import type { NodeFolder } from './node-folder.ts'
import { StartupError } from './startup-error.ts'

export interface BrokerRoleOptions {
  readonly env: Env
  readonly config: BrokerConfig
  readonly folder: NodeFolder
  readonly quorum: MetadataQuorum
  /** Of the same process. */
  readonly localController: ControllerChannel | null
  /** How long a start waits for an active controller. */
  readonly registrationTimeoutMs: number
  readonly signal: AbortSignal | undefined
}

export class BrokerRole {
  readonly #options: BrokerRoleOptions
  readonly #broker: ReturnType<typeof createBroker>
  readonly #givenUp = Promise.withResolvers<never>()
  #timer: TimerId | null = null
  #isGivenUp = false

  constructor(options: BrokerRoleOptions) {
    const { env, config, folder, quorum, localController } = options
    const { directoryId } = folder.identity
    this.#options = options
    this.#broker = createBroker(env, config, {
      metadata: quorum,
      quorum,
      localController,
      directory: folder.directory,
      identity: { directoryId, previousBrokerEpoch: folder.previousBrokerEpoch },
    })
    // Giving up may come before anybody waits.
    this.#givenUp.promise.catch(() => {})
  }

  /**
   * @returns where clients connect
   * @throws StartupError CONTROLLER_UNAVAILABLE, what `giveUp` was told, the signal's reason, what keeps a broker from starting
   */
  async start(): Promise<Endpoint> {
    const { env, signal } = this.#options
    const onAbort = (): void => this.giveUp(signal!.reason as Error)
    signal?.throwIfAborted()
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#armTimeout()
    const starting = this.#broker.start()
    try {
      return await Promise.race([starting, this.#givenUp.promise])
    } catch (error) {
      // A broker that could not start has cleaned up behind itself; one that was given up is still at it.
      if (this.#isGivenUp) {
        starting.catch(() => {})
        await this.#stopAfterFailure()
      }
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (this.#timer !== null) env.timers.cancel(this.#timer)
    }
  }

  /** Ends a start that is under way; no effect on a broker that runs. */
  giveUp(reason: Error): void {
    this.#isGivenUp = true
    this.#givenUp.reject(reason)
  }

  stop(): Promise<void> {
    return this.#broker.stop()
  }

  /** Why it was given up is what counts. */
  async #stopAfterFailure(): Promise<void> {
    try {
      await this.#broker.stop()
    } catch (error) {
      this.#options.env.log.error({ error }, 'a broker that was given up could not be stopped cleanly')
    }
  }

  #armTimeout(): void {
    const { env, quorum, registrationTimeoutMs } = this.#options
    this.#timer = env.timers.after(registrationTimeoutMs, () => {
      // With a controller it is recovery that takes so long, or the broker says itself why it is refused.
      if (quorum.leader.id === NO_NODE) this.giveUp(controllerUnavailable(registrationTimeoutMs))
      else this.#armTimeout()
    })
  }
}

function controllerUnavailable(timeoutMs: number): StartupError {
  return new StartupError(
    'CONTROLLER_UNAVAILABLE',
    `no active controller could be reached within ${timeoutMs} ms`,
    'Start a majority of the controllers in controller.quorum.voters, and check that their addresses are right; ' +
      'initial.broker.registration.timeout.ms says how long a broker waits for them.',
  )
}
