/**
 * What a command is. Its module is loaded only when it is called, so that `millrace --version` and `millrace broker`
 * pay for nothing else; the table in `command-table.ts` knows the names and one-line summaries of all.
 */
import type { Command } from 'commander'
import type { Output } from './output.ts'

interface Invocation<Options> {
  /** Positional arguments, in the order declared. A variadic one is an array. */
  readonly args: readonly string[]
  readonly options: Options
  readonly output: Output
  /** Aborted by Ctrl-C and SIGTERM where the command is interruptible. A second one ends the process at once. */
  readonly signal: AbortSignal
}

export interface CommandSpec<Options> {
  /** Command lines shown at the end of `--help`, without prompt. */
  readonly examples: readonly string[]
  /** Declares arguments and options. `--output`, `--help` and `--version` are there already. */
  readonly configure: (command: Command) => void
  /** Failures: throw a `CliError`. */
  readonly run: (invocation: Invocation<Options>) => Promise<void>
  /** Ctrl-C and SIGTERM abort `signal`, and the command finishes what it prints. Else they end the process. */
  readonly interruptible?: true
}

/** Options come parsed by what `configure` declared for them: the one place where that is taken on trust. */
export function defineCommand<Options>(spec: CommandSpec<Options>): CommandSpec<never> {
  return spec as CommandSpec<never>
}
