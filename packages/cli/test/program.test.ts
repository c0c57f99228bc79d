import { describe, expect, test } from 'vitest'
import { commandTable } from '../src/command-table.ts'
import { callCli, runCli } from './run-cli.ts'

describe('the command line', () => {
  test('prints its version, as text or JSON', async () => {
    expect(await runCli(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^millrace \d+\.\d+\.\d+ /),
    })
    const { stdout } = await runCli(['topic', 'list', '--version', '--output', 'json'])
    expect(JSON.parse(stdout)).toMatchObject({ name: 'millrace', version: expect.any(String) })
  })

  test('without a command prints its help and says that this was no proper call', async () => {
    const { code, stderr } = await runCli([])
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: millrace')
  })

  test.each([
    [['topic', 'crate', 'x'], "error: unknown command 'crate'\nDid you mean create?\n"],
    [['topic', 'create'], "error: missing required argument 'name'\nSee `millrace topic create --help`.\n"],
    [
      ['topic', 'create', 'x', '--partition', '3'],
      "error: unknown option '--partition'\nDid you mean --partitions?\n",
    ],
    [
      ['broker', 'lisst'],
      "error: unknown command 'lisst'\n`millrace broker` has list, decommission. See `millrace broker --help`.\n",
    ],
    [
      ['broker', 'decommission', 'one'],
      expect.stringMatching(/^error: .*Give a whole number.*\n.*millrace broker decommission --help/),
    ],
    [['topic', 'alter', 'x'], 'error: nothing to change\nGive --partitions, --set or --unset.\n'],
  ])('answers %j with one error, one hint and exit code 2', async (args, message) => {
    expect(await callCli(args)).toEqual({ code: 2, stdout: '', stderr: message })
  })

  test('prints errors as JSON when asked to', async () => {
    const { code, stderr } = await runCli(['topic', 'create', 'x', '--partitions', '0', '--output', 'json'])
    expect(code).toBe(2)
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'USAGE',
        message: expect.stringContaining('Give a whole number'),
        hint: expect.any(String),
      },
    })
  })

  test('says what to do when no broker answers, without a stack', async () => {
    const { code, stderr } = await runCli(['topic', 'list', '--bootstrap', '127.0.0.1:1', '--timeout', '300'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: .*\nIs a broker running at 127\.0\.0\.1:1\? .*\n$/)
  })
})

describe('every command', () => {
  const paths = commandTable.flatMap((entry) =>
    'commands' in entry
      ? [[entry.name], ...entry.commands.map(({ name }) => [entry.name, name])]
      : [[entry.name]],
  )

  test.each(paths.map((path) => path.join(' ')))(
    '%s has help with an example, and --output and --version',
    async (path) => {
      const { code, stdout } = await callCli([...path.split(' '), '--help'])
      expect(code).toBe(0)
      expect(stdout).toMatch(/\nExamples?:\n {2}.*\bmillrace /)
      expect(stdout).toContain('--output <format>')
      expect(stdout).toContain('--version')
    },
  )
})
