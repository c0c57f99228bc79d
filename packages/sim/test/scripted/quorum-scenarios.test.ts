import { describe, expect, it } from 'vitest'
import { quorumScenarios } from '../../src/scripted/quorum-scenarios.ts'
import { sim } from '../run/sim-process.ts'

describe('the metadata quorum', () => {
  it.each(quorumScenarios)(
    '$title',
    async ({ id }) => {
      const { output, code } = await sim('--scripted', id)
      expect(output).toContain('scripted: 1 scenarios, 0 violations')
      expect(code).toBe(0)
    },
    60_000,
  )
})
