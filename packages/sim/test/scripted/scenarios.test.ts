import { describe, expect, it } from 'vitest'
import { scriptedScenarios } from '../../src/scripted/scenarios.ts'
import { sim } from '../run/sim-process.ts'

describe('a cluster', () => {
  it.each(scriptedScenarios)(
    '$title',
    async ({ id }) => {
      const { output, code } = await sim('--scripted', id)
      expect(output).toContain('scripted: 1 scenarios, 0 violations')
      expect(code).toBe(0)
    },
    60_000,
  )
})
