/** The input of the demo: 20,000 real flights of 2001, from the npm package `vega-datasets`. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export interface Flight {
  /** `2001/01/01 00:47` */
  readonly date: string
  readonly delay: number
  readonly distance: number
  /** Airport, three letters. */
  readonly origin: string
  readonly destination: string
}

export function loadFlights(): Flight[] {
  const data = new URL('../data/flights-20k.json', import.meta.resolve('vega-datasets'))
  return JSON.parse(readFileSync(data, 'utf8')) as Flight[]
}

/** The values of each key in the order in which they were met. */
export type FlightsByOrigin = ReadonlyMap<string, readonly string[]>

export class FlightCollector {
  readonly byOrigin = new Map<string, string[]>()
  count = 0
  bytes = 0

  add(origin: string, value: string): void {
    const values = this.byOrigin.get(origin)
    if (values === undefined) this.byOrigin.set(origin, [value])
    else values.push(value)
    this.count += 1
    this.bytes += origin.length + value.length
  }
}

/** Of all values, key by key, each key's values in order: equal only if nothing is missing, added, changed or swapped. */
export function contentHash(flights: FlightsByOrigin): string {
  const hash = createHash('sha256')
  for (const origin of [...flights.keys()].toSorted()) {
    hash.update(`${origin}\n`)
    for (const value of flights.get(origin)!) hash.update(`${value}\n`)
  }
  return hash.digest('hex')
}

/** @returns what is wrong with `found`, in words; empty when it is exactly what was sent */
export function differences(sent: FlightCollector, found: FlightCollector): string[] {
  const problems: string[] = []
  if (found.count !== sent.count) problems.push(`${found.count} records instead of ${sent.count}`)
  for (const [origin, values] of sent.byOrigin) {
    const got = found.byOrigin.get(origin) ?? []
    const at = values.findIndex((value, index) => got[index] !== value)
    if (at >= 0)
      problems.push(`key ${origin}: record ${at} is ${got[at] ?? 'missing'} instead of ${values[at]}`)
    else if (got.length > values.length)
      problems.push(`key ${origin}: ${got.length - values.length} records too many`)
  }
  for (const origin of found.byOrigin.keys()) {
    if (!sent.byOrigin.has(origin)) problems.push(`key ${origin} was never sent`)
  }
  if (problems.length === 0 && contentHash(found.byOrigin) !== contentHash(sent.byOrigin)) {
    problems.push('the content hash differs')
  }
  return problems
}
