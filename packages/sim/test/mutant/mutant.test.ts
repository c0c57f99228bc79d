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
    expect(mutate(TOY, 'let x = 40 + 2')).toBe('let x = 40 * 2')
    expect(() => mutate(TOY, 'let x = 41')).toThrow('0 places')
    expect(() => mutate(TOY, '40 + 2, 40 + 2')).toThrow('2 places')
    expect(mutate({ ...TOY, replace: '$&' }, '40 + 2')).toBe('$&')
  })
})
