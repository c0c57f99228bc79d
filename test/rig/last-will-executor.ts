/** The child of last-will.ts: reads commands until nobody can write any more, then runs those that are left. */
import { spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Bequest, WillLine } from './last-will.ts'

const TIMEOUT_MS = 60_000

const left = new Map<number, Bequest>()
for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text) as WillLine
  if ('add' in line) left.set(line.id, line.add)
  else left.delete(line.id)
}
for (const { command, env } of [...left.values()].reverse()) {
  const [program, ...args] = command
  // One that fails must not keep the others from being run, and nobody is left who could be told.
  spawnSync(program!, args, { env, stdio: 'ignore', timeout: TIMEOUT_MS })
}
