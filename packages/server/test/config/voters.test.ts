import { parseUuid } from '@millrace/base'
import type { BootstrapVoter } from '@millrace/metadata-log'
import { expect, test } from 'vitest'
import { clusterIdOf, formatVoters, parseVoters } from '../../src/config/voters.ts'

function voters(text: string): readonly BootstrapVoter[] {
  const parsed = parseVoters(text.split(','))
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed
}

test('voters are read in any order, and kept by id', () => {
  expect(voters('103@c:3,101@a:1,102@[::1]:2')).toEqual([
    { id: 101, host: 'a', port: 1 },
    { id: 102, host: '::1', port: 2 },
    { id: 103, host: 'c', port: 3 },
  ])
  expect(formatVoters(voters('103@c:3,101@a:1,102@[::1]:2'))).toBe('101@a:1,102@[::1]:2,103@c:3')
})

test.each([
  ['a:1', '"a:1" is not ID@HOST:PORT'],
  ['101@a', '"101@a" is not ID@HOST:PORT'],
  ['101@a:0', '"101@a:0" is not'],
  ['101@a:70000', '"101@a:70000" is not'],
  ['101@:9093', '"101@:9093" is not'],
  ['101@0.0.0.0:9093', '"101@0.0.0.0:9093" is not'],
  ['-1@a:1', '"-1@a:1" is not'],
  ['3000000000@a:1', '"3000000000@a:1" is not'],
  ['101@a:1,101@b:2', 'node 101 is named twice'],
  ['101@a:1,102@a:1', 'nodes 101 and 102 have the same address a:1'],
])('%s is refused', (text, problem) => {
  expect(parseVoters(text.split(','))).toEqual({ problem: expect.stringContaining(problem) })
})

test('the id of a cluster follows from its voters, in whatever order they are written', () => {
  const id = clusterIdOf(voters('101@a:1,102@b:2,103@c:3'))
  expect(id).toBe(clusterIdOf(voters('103@c:3,101@a:1,102@b:2')))
  // Written down, so that no version derives another one.
  expect(id).toBe('Ew5ahME8QjCsS9ZZt_NXAw')
  expect(parseUuid(id)).toBe(id)
})

test('other voters make another cluster', () => {
  const ids = ['101@a:1', '101@a:2', '101@b:1', '102@a:1', '101@a:1,102@b:1'].map((text) =>
    clusterIdOf(voters(text)),
  )
  expect(new Set(ids).size).toBe(ids.length)
})

test('no id begins with a dash, which a command line would take for an option', () => {
  const ids = Array.from({ length: 500 }, (_, i) => clusterIdOf(voters(`1@host-${i}:9093`)))
  expect(ids.filter((id) => id.startsWith('-'))).toEqual([])
})
