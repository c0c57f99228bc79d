/**
 * What a handler sees instead of the client's request when it answers only a share of it, because the partitions are
 * spread over shards.
 */
import { AssertionError } from '@millrace/base'
import type { Connection, RequestContext } from '@millrace/net'

export interface ShareOrigin {
  readonly apiVersion: number
  readonly clientId: string | null
  readonly receivedAtMs: number
  readonly connection: Pick<Connection, 'listener'>
}

export class ShareContext implements RequestContext {
  readonly apiVersion: number
  readonly clientId: string | null
  readonly receivedAtMs: number
  readonly connection: Connection
  readonly #onHurry: (() => void)[] = []
  readonly #releases: (() => void)[] = []
  #hurried = false

  /** @param connection null: the client is connected to another shard */
  constructor(origin: ShareOrigin, connection: Connection | null) {
    this.apiVersion = origin.apiVersion
    this.clientId = origin.clientId
    this.receivedAtMs = origin.receivedAtMs
    this.connection = connection ?? { ...ELSEWHERE, listener: origin.connection.listener }
  }

  afterWritten(release: () => void): void {
    this.#releases.push(release)
  }

  /** Frees what the share's answer points to. Not to be called when that memory moved to another thread. */
  release(): void {
    for (const release of this.#releases) release()
  }

  /** The client's connection is watched where it is; what waits here is hurried from there. */
  onClosed(_callback: () => void): void {}

  /** Runs `callback` when the rest of the request is ready, or nobody waits any more: answer with what there is. */
  onHurry(callback: () => void): void {
    if (this.#hurried) callback()
    else this.#onHurry.push(callback)
  }

  hurry(): void {
    if (this.#hurried) return
    this.#hurried = true
    for (const callback of this.#onHurry) callback()
  }
}

/** The connection of a share whose client is connected to another shard, but for the listener by which it came in. */
const ELSEWHERE: Omit<Connection, 'listener'> = {
  id: -1,
  local: { host: '', port: 0 },
  remote: { host: '', port: 0 },
  wire: 'native',
  authenticated: true,
  close() {
    throw new AssertionError('a share of a request must leave the connection to the shard that has it')
  },
}
