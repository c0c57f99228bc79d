/**
 * The command line as commander sees it, built from the command table. A command's own options are declared when it
 * is about to be parsed.
 */
import { Command, CommanderError, type HelpConfiguration, Option } from 'commander'
import { CliError, ExitCode, usageError } from './cli-error.ts'
import { commandTable, type CommandEntry, type CommandFamily, type CommandGroup } from './command-table.ts'
import type { CommandSpec } from './command.ts'
import { Output, paint, type OutputFormat } from './output.ts'
import { interruptSignal } from './interrupt.ts'
import { versionLine } from './version.ts'

/** Runs the command that `argv` (without node and script) names. @returns the exit code */
export async function runProgram(argv: readonly string[]): Promise<ExitCode> {
  const output = new Output(outputFormatOf(argv))
  const program = new Program(output)
  try {
    await program.parse(helpAsOption(argv))
    return ExitCode.ok
  } catch (error) {
    return report(error, output, program.reached)
  }
}

class Program {
  readonly #output: Output
  readonly #root: Command
  readonly #entries = new Map<Command, CommandEntry>()
  /** The command that parsing has come to, such as `millrace topic create`. */
  reached = 'millrace'

  constructor(output: Output) {
    this.#output = output
    this.#root = this.#prepare(new Command('millrace'))
    this.#root.description('Millrace, the event log for TypeScript teams.')
    this.#addCommonOptions(this.#root, ['millrace dev', 'millrace topic create flights --partitions 6'])
    for (const entry of commandTable) {
      const command = this.#addChild(this.#root, entry)
      if (!('load' in entry)) this.#addCommonOptions(command, entry.examples)
      if ('commands' in entry) for (const member of entry.commands) this.#addChild(command, member)
    }
  }

  async parse(argv: readonly string[]): Promise<void> {
    await this.#root.parseAsync(argv, { from: 'user' })
  }

  #addChild(parent: Command, entry: CommandEntry | CommandGroup | CommandFamily): Command {
    const command = this.#prepare(new Command(entry.name))
      .summary(entry.summary)
      .description(sentence(entry.summary))
    if ('load' in entry) this.#entries.set(command, entry)
    parent.addCommand(command)
    return command
  }

  /** Errors are thrown, not printed; subcommands declare themselves when it is their turn. */
  #prepare(command: Command): Command {
    return command
      .helpCommand(false)
      .exitOverride()
      .configureOutput({ outputError: () => {} })
      .configureHelp(helpStyle)
      .hook('preSubcommand', (_parent, subcommand) => this.#declare(subcommand))
  }

  async #declare(command: Command): Promise<void> {
    this.reached += ` ${command.name()}`
    const entry = this.#entries.get(command)
    if (entry === undefined) return
    const { default: spec } = await entry.load()
    spec.configure(command)
    this.#addCommonOptions(command, spec.examples)
    // What is no command of a family comes as a surplus argument; said here, because commander knows only the latter.
    if (command.commands.length > 0) command.allowExcessArguments()
    command.action((...call: unknown[]) => {
      refuseUnknownCommand(command)
      return runCommand(spec, call, this.#output)
    })
  }

  #addCommonOptions(command: Command, examples: readonly string[]): void {
    const title = paint('bold', examples.length === 1 ? 'Example:' : 'Examples:')
    command
      .optionsGroup('General options:')
      .addOption(
        new Option('--output <format>', 'how to print results').choices(['text', 'json']).default('text'),
      )
      .version(versionLine(this.#output.format), '--version', 'print the version')
      .helpOption('-h, --help', 'print this help')
      .addHelpText('after', `\n${title}\n${examples.map((line) => `  ${line}`).join('\n')}`)
  }
}

const helpStyle: HelpConfiguration = {
  subcommandTerm: (command) => command.name(),
  styleTitle: (text) => paint('bold', text),
  styleCommandText: (text) => paint('cyan', text),
  styleSubcommandText: (text) => paint('cyan', text),
  styleOptionText: (text) => paint('yellow', text),
  styleArgumentText: (text) => paint('green', text),
}

function refuseUnknownCommand(family: Command): void {
  const [unknown] = family.args
  if (family.commands.length === 0 || unknown === undefined) return
  const known = family.commands.map((command) => command.name()).join(', ')
  const path = `${family.parent?.name()} ${family.name()}`
  throw usageError(`unknown command '${unknown}'`, `\`${path}\` has ${known}. See \`${path} --help\`.`)
}

/** commander hands over the declared arguments one by one, then the options, then the command. */
function runCommand(spec: CommandSpec<never>, call: unknown[], output: Output): Promise<void> {
  const args = call
    .slice(0, -2)
    .flat()
    .filter((arg) => arg !== undefined) as string[]
  const signal = spec.interruptible === true ? interruptSignal() : new AbortController().signal
  return spec.run({ args, options: call.at(-2) as never, output, signal })
}

function report(error: unknown, output: Output, command: string): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return ExitCode.ok
    // Help that stands in for a missing subcommand has been printed already.
    if (error.code !== 'commander.help') {
      const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
      const suggestion = rest.join(' ').replace(/^\((.*)\)$/, '$1')
      output.error({ code: 'USAGE', message, hint: suggestion || `See \`${command} --help\`.` })
    }
    return ExitCode.usage
  }
  // Interrupted: `interruptSignal` has set the exit code.
  if (error instanceof DOMException && error.name === 'AbortError') return ExitCode.ok
  if (!(error instanceof CliError)) return reportDefect(error, output)
  output.error(error)
  return error.exitCode
}

function reportDefect(error: unknown, output: Output): ExitCode {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  output.error({
    code: 'DEFECT',
    message,
    hint: 'This is a defect of Millrace. MILLRACE_DEBUG=1 shows where it arose.',
  })
  if (process.env.MILLRACE_DEBUG === '1') process.stderr.write(`${stack}\n`)
  return ExitCode.failure
}

/** Read before parsing, because errors of parsing are printed in this format as well. */
function outputFormatOf(argv: readonly string[]): OutputFormat {
  const at = argv.lastIndexOf('--output')
  return argv.includes('--output=json') || (at >= 0 && argv[at + 1] === 'json') ? 'json' : 'text'
}

/** `help topic create` is `topic create --help`. */
function helpAsOption(argv: readonly string[]): string[] {
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv]
}

function sentence(summary: string): string {
  return summary.charAt(0).toUpperCase() + summary.slice(1) + '.'
}
