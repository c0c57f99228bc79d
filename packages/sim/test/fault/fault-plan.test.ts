import { seededRng } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { DATA_LOSS_KINDS, FAULT_KINDS, planFaults, swarmKinds, type FaultEvent } from '../../src/index.ts'

const NODES = ['n1', 'n2', 'n3', 'n101', 'n102', 'n103']

function plan(seed: number, kinds = FAULT_KINDS, dataLossNodesMax = 1): FaultEvent[] {
  const rng = seededRng(seed)
  return planFaults({ rng, nodes: NODES, kinds, startMs: 100, endMs: 60_000, everyMs: 500, dataLossNodesMax })
}

describe('a plan of faults', () => {
  it('is the same for the same seed, and survives being written down', () => {
    expect(plan(1)).toEqual(plan(1))
    expect(JSON.parse(JSON.stringify(plan(1)))).toEqual(plan(1))
    expect(plan(2)).not.toEqual(plan(1))
  })

  it('has every kind, about as often as asked, in order of time and within it', () => {
    const faults = plan(1)
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS))
    expect(faults.length).toBeGreaterThan(80)
    expect(faults.length).toBeLessThan(160)
    const times = faults.map(({ atMs }) => atMs)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times[0]).toBeGreaterThanOrEqual(100)
    expect(times.at(-1)).toBeLessThan(60_000)
  })

  it('loses data on no more nodes than allowed', () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const hit = plan(seed, FAULT_KINDS, 2).filter(({ kind }) => DATA_LOSS_KINDS.has(kind))
      expect(new Set(hit.map((fault) => ('node' in fault ? fault.node : '')))).toHaveProperty('size', 2)
    }
    expect(plan(1, FAULT_KINDS, 0).filter(({ kind }) => DATA_LOSS_KINDS.has(kind))).toEqual([])
  })

  it('leaves the other faults of a kind where they are when one stream is longer', () => {
    const short = seededRng(5)
    const long = seededRng(5)
    const options = {
      nodes: NODES,
      kinds: ['kill', 'pause'] as const,
      startMs: 0,
      everyMs: 300,
      dataLossNodesMax: 1,
    }
    const first = planFaults({ ...options, rng: short, endMs: 5000 })
    const second = planFaults({ ...options, rng: long, endMs: 10_000 })
    expect(second.filter(({ atMs }) => atMs < 5000)).toEqual(first)
  })
})

it('a swarm has each kind half of the time, independently', () => {
  const counts = new Map<string, number>()
  for (let seed = 1; seed <= 400; seed += 1) {
    for (const kind of swarmKinds(seededRng(seed))) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  for (const kind of FAULT_KINDS) {
    expect(counts.get(kind), kind).toBeGreaterThan(150)
    expect(counts.get(kind), kind).toBeLessThan(250)
  }
})
