/**
 * Everything that clients throw or reject with. Each error has a `code` for programs, `retriable` for those that
 * retry themselves, and a message that says what to do next. Aborting by an `AbortSignal` is the exception: it
 * rejects with the signal's own reason, as everywhere in the platform.
 */
import { errorInfo } from '@millrace/protocol'

/** The common class: `catch (error) { if (error instanceof MillraceError && error.retriable) … }`. */
export class MillraceError extends Error {
  override readonly name: string = 'MillraceError'
  /** Stable name for programs, such as `TIMEOUT` or Kafka's `TOPIC_ALREADY_EXISTS`. */
  readonly code: string
  /** Whether the same call may succeed later without a change. The clients have already retried such errors. */
  readonly retriable: boolean

  constructor(code: string, message: string, retriable = false, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.retriable = retriable
  }
}

/** A broker refused: `code` is Kafka's name of the error and `errorCode` its number. */
export class BrokerError extends MillraceError {
  override readonly name = 'BrokerError'
  readonly errorCode: number
  /** Whether the error says that what the client knows about leaders and brokers is out of date. */
  readonly refreshMetadata: boolean

  /**
   * @param what the operation and its object, such as `produce to flights-3`
   * @param detail the broker's own message, when it sent one
   */
  constructor(errorCode: number, what: string, detail?: string | null) {
    const info = errorInfo(errorCode)
    super(info.name, `${what}: ${detail || info.text} (${info.name})`, info.retriable)
    this.errorCode = errorCode
    this.refreshMetadata = info.refreshMetadata
  }
}

/** No connection could be made, or the one in use broke. */
export class ConnectionError extends MillraceError {
  override readonly name = 'ConnectionError'
  constructor(message: string, cause?: unknown) {
    super('CONNECTION', message, true, cause)
  }
}

/** The operation did not finish in its time, retries included. Whether it took effect is unknown. */
export class TimeoutError extends MillraceError {
  override readonly name = 'TimeoutError'
  constructor(message: string, cause?: unknown) {
    super('TIMEOUT', message, true, cause)
  }
}

/** An option or argument that can never work. */
export class ConfigError extends MillraceError {
  override readonly name = 'ConfigError'
  constructor(message: string) {
    super('CONFIG', message)
  }
}

/** A key or value is not what its serde expects. */
export class SerdeError extends MillraceError {
  override readonly name = 'SerdeError'
  /** @param place what was being converted, such as `value of flights-3 at offset 42` */
  constructor(direction: 'encode' | 'decode', place: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(
      direction === 'encode' ? 'ENCODE' : 'DECODE',
      `cannot ${direction} the ${place}: ${reason}`,
      false,
      cause,
    )
  }
}

/** The client was closed before or during the call. */
export class ClosedError extends MillraceError {
  override readonly name = 'ClosedError'
  constructor(what: string) {
    super('CLOSED', `the ${what} is closed: create a new one`)
  }
}
