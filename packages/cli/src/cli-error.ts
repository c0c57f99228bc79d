/**
 * An expected failure of a command: what is wrong, what to do next, and the exit code. Printed as one or two lines,
 * never with a stack.
 */

/** 0 ok · 1 the command failed · 2 it was called wrongly. */
export const ExitCode = { ok: 0, failure: 1, usage: 2 } as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

export class CliError extends Error {
  override readonly name = 'CliError'
  /** Stable name for scripts, such as UNKNOWN_TOPIC_OR_PARTITION. */
  readonly code: string
  readonly hint: string | null
  readonly exitCode: ExitCode

  constructor(
    code: string,
    message: string,
    hint: string | null = null,
    exitCode: ExitCode = ExitCode.failure,
  ) {
    super(message)
    this.code = code
    this.hint = hint
    this.exitCode = exitCode
  }
}

export function usageError(message: string, hint: string | null = null): CliError {
  return new CliError('USAGE', message, hint, ExitCode.usage)
}
