/**
 * What Millrace and Apache Kafka answered to the same scenario, held against each other and against what Kafka answered when
 * it was recorded. ORACLE_UPDATE=1 records anew; where Java is missing only the Millrace half is compared.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { AcceptedDifference } from './accepted-differences.ts'

const isUpdating = process.env['ORACLE_UPDATE'] === '1'

export class Comparison {
  readonly #path: string
  readonly #recorded: Map<string, unknown>
  readonly #accepted: ReadonlyMap<string, AcceptedDifference>

  /** @param file Kafka's recorded answers by scenario, beside this file */
  constructor(file: string, accepted: ReadonlyMap<string, AcceptedDifference>) {
    this.#path = new URL(`./${file}`, import.meta.url).pathname
    this.#recorded = new Map(Object.entries(JSON.parse(readFileSync(this.#path, 'utf8')) as object))
    this.#accepted = accepted
  }

  /** @param answer what Kafka says now; its absence: it does not run */
  kafka(key: string, answer: unknown): void {
    if (isUpdating) this.#recorded.set(key, answer)
    else expect(answer, 'Kafka answers otherwise than recorded').toEqual(this.#recorded.get(key))
  }

  millrace(key: string, answer: unknown): void {
    const accepted = this.#accepted.get(key)
    expect(answer).toEqual(accepted === undefined ? this.#recorded.get(key) : accepted.millrace)
    if (accepted !== undefined)
      expect(answer, 'no difference any more: take it off the list').not.toEqual(this.#recorded.get(key))
  }

  /** Nothing is accepted or recorded for a scenario that does not exist. */
  coversOnly(keys: readonly string[]): void {
    for (const key of this.#accepted.keys()) expect(keys).toContain(key)
    for (const key of this.#recorded.keys()) expect(keys).toContain(key)
  }

  /** @param keys of all scenarios; answers to others are forgotten */
  save(keys: readonly string[]): void {
    if (!isUpdating) return
    const kept = keys.filter((key) => this.#recorded.has(key)).map((key) => [key, this.#recorded.get(key)])
    writeFileSync(this.#path, `${JSON.stringify(Object.fromEntries(kept), null, 1)}\n`)
  }
}

export function javaWorks(): boolean {
  const works = spawnSync('java', ['-version']).status === 0
  if (!works)
    console.warn(
      'NOT TESTED: Apache Kafka itself, Java is missing; comparing with its recorded answers instead',
    )
  return works
}
