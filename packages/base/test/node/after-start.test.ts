import { performance } from 'node:perf_hooks'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { whenCalm } from '../../src/node/after-start.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('what a start leaves behind is seen to once, when the thread has been calm for a while and not before', () => {
  let utilization = 0.6
  vi.spyOn(performance, 'eventLoopUtilization').mockImplementation(() => ({
    idle: 1,
    active: 1,
    utilization,
  }))
  let runs = 0
  whenCalm(() => runs++)
  vi.advanceTimersByTime(60_000)
  expect(runs).toBe(0)
  utilization = 0.01
  vi.advanceTimersByTime(2000)
  vi.advanceTimersByTime(60_000)
  expect(runs).toBe(1)
})
