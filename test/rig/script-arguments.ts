/**
 * Command lines of the repository's scripts. What `--help` prints is the comment that a script begins with, and what its
 * options are when they are left out; an option that there is none of is told in a line.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs, type ParseArgsConfig } from 'node:util'

/** As of the simulator and the chaos harness, where 1 says that something was found. */
const WRONG_ARGUMENTS = 2

/** @param script its path. @returns what was asked for; ends the process when that was help, or makes no sense */
export function scriptArguments<T extends ParseArgsConfig>(
  script: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  if (asksForHelp(process.argv.slice(2))) {
    console.log([headerOf(script), '', ...optionLines(config.options)].join('\n'))
    process.exit(0)
  }
  try {
    return parseArgs(config)
  } catch (error) {
    // parseArgs throws nothing but errors that say what is wrong with an argument, and how they are written.
    const [problem] = (error as Error).message.split('. ')
    console.error(`${basename(script)}: ${problem}. See --help`)
    process.exit(WRONG_ARGUMENTS)
  }
}

export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end === -1 ? args.length : end).some((arg) => arg === '--help' || arg === '-h')
}

/** The comment that a script begins with. */
export function headerOf(script: string): string {
  const [, comment = ''] = /^(?:#!.*\n)?\/\*\*\n([\s\S]*?) \*\//.exec(readFileSync(script, 'utf8')) ?? []
  return comment.replaceAll(/^ \* ?/gm, '').trimEnd()
}

function optionLines(options: ParseArgsConfig['options'] = {}): string[] {
  const described = Object.entries(options).map(([name, { type, multiple, default: value }]) => {
    const isValue = type === 'string'
    const usual = value === undefined || value === false || value === '' || Array.isArray(value)
    return [
      `--${name}${isValue ? ' …' : ''}`,
      multiple ? 'any number of times' : usual ? '' : `default ${value}`,
    ]
  })
  const width = Math.max(...described.map(([name]) => name!.length))
  return ['Options:', ...described.map(([name, about]) => `  ${name!.padEnd(width)}  ${about}`.trimEnd())]
}
