import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { installMutant, mutate, MUTANT_VARIABLE } from '../../src/index.ts'
import { TOY } from './fixture/toy.ts'

function runWith(mutant: string | undefined): { status: number | null; stdout: string; stderr: string } {
  const runner = new URL('./fixture/runner.ts', import.meta.url).pathname
  const env = { ...process.env, ...(mutant === undefined ? {} : { [MUTANT_VARIABLE]: mutant }) }
  return spawnSync(process.execPath, ['--conditions=source', runner], {
    env,
    encoding: 'utf8',
    timeout: 20_000,
  })
}

describe('a mutant', () => {
  it('runs in the place of the code it changes, and only when it is asked for', () => {
    expect(JSON.parse(runWith(undefined).stdout)).toEqual({ answer: 42, loaded: null })
    expect(JSON.parse(runWith('toy').stdout)).toEqual({ answer: 80, loaded: true })
  })

  it('that nobody knows stops the process', () => {
    const { status, stderr } = runWith('unknown')
    expect(status).not.toBe(0)
    expect(stderr).toContain('there is no mutant unknown')
    expect(() => installMutant('unknown', [TOY], 'file:///')).toThrow('there is no mutant unknown')
  })

  it('fits exactly one place, or none of it runs', () => {
    const [edit] = TOY.edits
    const { file } = edit!
    expect(mutate(TOY, file, 'let x = 40 + 2')).toBe('let x = 40 * 2')
    expect(() => mutate(TOY, file, 'let x = 41')).toThrow('0 places')
    expect(() => mutate(TOY, file, '40 + 2, 40 + 2')).toThrow('2 places')
    expect(mutate({ ...TOY, edits: [{ ...edit!, replace: '$&' }] }, file, '40 + 2')).toBe('$&')
  })

  it('makes all of its edits, each in its own file', () => {
    const two = {
      ...TOY,
      edits: [
        { file: 'a.ts', find: 'one', replace: '1' },
        { file: 'a.ts', find: 'two', replace: '2' },
        { file: 'b.ts', find: 'three', replace: '3' },
      ],
    }
    expect(mutate(two, 'a.ts', 'one two three')).toBe('1 2 three')
    expect(mutate(two, 'b.ts', 'one two three')).toBe('one two 3')
  })
})
