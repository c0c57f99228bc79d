/**
 * Why a server does not start, in words for the person who started it: one line that says what is wrong and, where
 * there is one, a second that says what to do. Everything else that is thrown is a defect of ours.
 */

/** Stable names of the reasons, for scripts and tests. */
export type StartupErrorCode =
  | 'CONFIG_INVALID'
  | 'CONFIG_UNREADABLE'
  | 'DATA_FOLDER_IN_USE'
  | 'DATA_FOLDER_UNWRITABLE'
  | 'DATA_FOLDER_FOREIGN'
  | 'DATA_FOLDER_DAMAGED'
  | 'ADDRESS_IN_USE'
  | 'ADDRESS_UNAVAILABLE'
  | 'LISTENER_INSECURE'
  | 'NODE_ID_IN_USE'
  | 'CLUSTER_ID_MISMATCH'
  | 'CONTROLLER_UNAVAILABLE'
  | 'REGISTRATION_REFUSED'

export class StartupError extends Error {
  override readonly name = 'StartupError'
  readonly code: StartupErrorCode
  /** What to do next; null when the message says it already. */
  readonly hint: string | null

  constructor(code: StartupErrorCode, message: string, hint: string | null = null) {
    super(message)
    this.code = code
    this.hint = hint
  }
}
