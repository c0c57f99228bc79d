import { describe, expect, test } from 'vitest'
import { contentHash, differences, FlightCollector, loadFlights } from '../../scripts/demo/flights.ts'

function collected(...records: readonly [origin: string, value: string][]): FlightCollector {
  const collector = new FlightCollector()
  for (const [origin, value] of records) collector.add(origin, value)
  return collector
}

const sent = collected(['SFO', '1'], ['JFK', '2'], ['SFO', '3'])

describe('the verification of the demo', () => {
  test('accepts the same records with keys interleaved differently', () => {
    const found = collected(['JFK', '2'], ['SFO', '1'], ['SFO', '3'])
    expect(differences(sent, found)).toEqual([])
    expect(contentHash(found.byOrigin)).toBe(contentHash(sent.byOrigin))
  })

  test.each([
    [
      'a missing record',
      collected(['SFO', '1'], ['JFK', '2']),
      ['2 records instead of 3', 'key SFO: record 1 is missing instead of 3'],
    ],
    [
      'a record twice',
      collected(['SFO', '1'], ['JFK', '2'], ['SFO', '3'], ['SFO', '3']),
      ['4 records instead of 3', 'key SFO: 1 records too many'],
    ],
    [
      'swapped records of a key',
      collected(['SFO', '3'], ['JFK', '2'], ['SFO', '1']),
      ['key SFO: record 0 is 3 instead of 1'],
    ],
    [
      'a changed value',
      collected(['SFO', '1'], ['JFK', 'x'], ['SFO', '3']),
      ['key JFK: record 0 is x instead of 2'],
    ],
    [
      'a record under another key',
      collected(['SFO', '1'], ['JFK', '2'], ['SEA', '3']),
      ['key SFO: record 1 is missing instead of 3', 'key SEA was never sent'],
    ],
  ])('notices %s', (_what, found, problems) => {
    expect(differences(sent, found)).toEqual(problems)
    expect(contentHash(found.byOrigin)).not.toBe(contentHash(sent.byOrigin))
  })

  test('has 20,000 flights to work with', () => {
    const flights = loadFlights()
    expect(flights).toHaveLength(20_000)
    expect(flights[0]).toEqual({
      date: '2001/01/01 00:47',
      delay: 66,
      distance: 1750,
      origin: 'DTW',
      destination: 'LAS',
    })
  })
})
