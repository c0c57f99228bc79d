import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configReference, describeConfigKeys } from '../../src/config/reference.ts'

test('docs/config.md is what the declarations say', () => {
  const page = readFileSync(new URL('../../../../docs/config.md', import.meta.url), 'utf8')
  expect(page, 'run: scripts/millrace config docs > docs/config.md').toBe(configReference())
})

test('every key has a text, and a name that its environment variable leads back to', () => {
  for (const { name, text, environmentVariable } of describeConfigKeys()) {
    expect(text, name).toMatch(/\.( \(ours.*\))?$/)
    expect(environmentVariable.slice('MILLRACE_'.length).toLowerCase().replaceAll('_', '.')).toBe(name)
  }
})

test('every key stands in exactly one section', () => {
  const names = describeConfigKeys().map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
