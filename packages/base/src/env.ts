/**
 * The world as a parameter. Brokers, controllers and clients reach clock, timers, randomness, network, disk and
 * threads only through an `Env`. `@millrace/base/node` has the real one; the simulator passes a seeded one and runs
 * whole clusters on one thread in virtual time.
 *
 * Rules for every implementation: callbacks never run inside the call that registered them; views handed to a
 * callback (`onData`) are valid only until it returns, unless said otherwise.
 */

export interface Env {
  readonly clock: Clock
  readonly timers: Timers
  readonly rng: Rng
  readonly entropy: Entropy
  readonly net: Net
  readonly disk: Disk
  readonly jobs: JobRunner
  readonly host: Host
  readonly log: Log
}

/** Clients need no disk, no job pools and no process control. */
export type ClientEnv = Pick<Env, 'clock' | 'timers' | 'rng' | 'entropy' | 'net' | 'log'>

export interface Clock {
  /**
   * Milliseconds, never going back, from an arbitrary start that all threads of a process share: the only time for timers,
   * sessions and deadlines.
   */
  monoMs(): number
  /** Milliseconds since 1970 UTC, may jump: only for record timestamps, retention and what people read. */
  wallMs(): number
}

declare const timerBrand: unique symbol
export type TimerId = { readonly [timerBrand]: true }

export interface Timers {
  /** Runs `callback` once after at least `delayMs`. A pending timer does keep the process alive. */
  after(delayMs: number, callback: () => void): TimerId
  cancel(timer: TimerId): void
  /** Runs `callback` at the end of this turn of the event loop, after the I/O callbacks that are already due. */
  endOfTurn(callback: () => void): void
}

/** Repeatable randomness: jitter, sampling, choice of partition. Never for secrets. */
export interface Rng {
  /** 0 … 2^32 − 1 */
  u32(): number
  /** 0 … limit − 1 */
  below(limit: number): number
  /** An independent stream, so that draws here do not shift draws there. */
  fork(label: string): Rng
}

/** Bytes nobody can guess: ids, nonces. Seeded in the simulator. */
export interface Entropy {
  bytes(length: number): Uint8Array<ArrayBuffer>
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A log that adds `fields` to every line. */
  child(fields: object): Log
}

export interface Host {
  /** Stops the process because going on would be wrong; logs `reason`. */
  halt(reason: string): never
}

/* ---------------------------------------------------------------- network */

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface Net {
  /**
   * Accepts TCP connections. `onReady` gets the bound endpoint (port 0 chooses one), `onError` what prevented it:
   * exactly one of the two is called, once.
   */
  listen(options: ListenOptions, handlers: ListenHandlers): Closer
  /** Opens a connection; the outcome arrives as `onOpen` or `onClose`. */
  dial(endpoint: Endpoint, events: ConnEvents): Conn
}

export interface ListenOptions extends Endpoint {
  /** Several threads may listen on the same port (Linux). Where unsupported, `onError` says so. */
  readonly reusePort?: boolean
}

export interface ListenHandlers {
  onReady(bound: Endpoint): void
  onError(error: NetError): void
  /** Called for each connection; returns the events it will get from then on. */
  onConnection(conn: Conn): ConnEvents
}

export interface Closer {
  /** Stops accepting; `done` runs when the port is free again. Established connections stay. */
  close(done?: () => void): void
}

/** Ordered bytes both ways, as TCP has them; no order between connections. */
export interface Conn {
  readonly local: Endpoint
  readonly remote: Endpoint
  /** Bytes accepted by `write` and not yet taken by the operating system. */
  readonly pendingBytes: number
  /**
   * Sends the chunks in order, as one system call where possible. `onWritten` runs once the chunks may be reused:
   * after they left, or after the connection closed.
   * @returns false when the peer reads too slowly: stop until `onDrain`
   */
  write(chunks: readonly Uint8Array[], onWritten?: () => void): boolean
  /** Stops reading, so that the peer feels backpressure. */
  pause(): void
  resume(): void
  /** Sends what is pending, then closes. */
  end(): void
  /** Closes at once, dropping what is pending. */
  destroy(): void
}

export interface ConnEvents {
  onOpen?(): void
  onData(chunk: Buffer): void
  /**
   * Where the next bytes should go, for a reader that waits for the rest of a large frame; undefined: the
   * connection's own receive buffer. What was filled is handed to `onData` as a view of this memory.
   */
  receiveBuffer?(): Buffer | undefined
  onDrain?(): void
  /** Called exactly once, whatever happened; nothing follows it. */
  onClose(reason: CloseReason): void
}

/** `local`: this side called `end` or `destroy`. */
export type CloseReason = 'local' | 'eof' | 'reset' | 'refused' | 'unreachable' | 'timeout'

export class NetError extends Error {
  override readonly name = 'NetError'
  /** errno name, such as EADDRINUSE */
  readonly code: string
  /** Where it was tried to listen, when that is known. */
  readonly endpoint: Endpoint | null
  constructor(code: string, message: string, endpoint: Endpoint | null = null) {
    super(message)
    this.code = code
    this.endpoint = endpoint
  }
}

/* ---------------------------------------------------------------- disk */

declare const fileBrand: unique symbol
export type FileId = number & { readonly [fileBrand]: true }

/** `read`: must exist. `write`: read and write, must exist. `create`: read and write, made when missing. */
export type OpenMode = 'read' | 'write' | 'create'

/**
 * Like the operating system: calls act at once on what other calls see; only durability is asynchronous. Content is
 * durable after `sync` of the file, names (create, rename, unlink) after `syncDir` of their directory. Failures throw
 * a `DiskError`; reads and writes may be short.
 */
export interface Disk {
  open(path: string, mode: OpenMode): FileId
  close(file: FileId): void
  size(file: FileId): number
  /** @returns bytes read: fewer than asked for at the end of the file, or when the read is short */
  pread(file: FileId, into: Uint8Array, position: number): number
  /** @returns bytes written, in order over the chunks; may be short */
  pwritev(file: FileId, chunks: readonly Uint8Array[], position: number): number
  truncate(file: FileId, bytes: number): void
  /** `done` gets null, or why the content must be taken for lost: never retry a failed sync. */
  sync(file: FileId, done: (error: DiskError | null) => void): void
  syncDir(path: string, done: (error: DiskError | null) => void): void
  rename(from: string, to: string): void
  unlink(path: string): void
  exists(path: string): boolean
  /** With all parents; no error when it exists. */
  mkdir(path: string): void
  /** Removes an empty directory. */
  rmdir(path: string): void
  /** Names in a directory, sorted. */
  list(path: string): DirEntry[]
  freeBytes(path: string): number
}

export interface DirEntry {
  readonly name: string
  readonly kind: 'file' | 'directory'
}

export class DiskError extends Error {
  override readonly name = 'DiskError'
  /** errno name: EIO, ENOSPC, ENOENT, EACCES, … */
  readonly code: string
  readonly path: string
  constructor(code: string, path: string, operation: string) {
    super(`${code}: ${operation} ${path}`)
    this.code = code
    this.path = path
  }
}

/* ---------------------------------------------------------------- jobs */

/**
 * CPU-heavy, stateless, abortable work (≥ 0.5 ms) off the event loop. `codec`: validate and recompress batches.
 * `maintenance`: recovery scans, index rebuilds. Production runs them in thread pools, the simulator inline.
 */
export interface JobRunner {
  run<Input, Output>(job: Job<Input, Output>, input: Input): Promise<Output>
}

/** A pure function by the name of its module, so that any thread can find it. Input and output are structured-cloned. */
export interface Job<Input, Output> {
  readonly pool: 'codec' | 'maintenance'
  /** `file:` URL of a module whose default export is the function. */
  readonly module: string
  readonly run: (input: Input) => Output
}
