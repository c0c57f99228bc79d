import { NO_OFFSET, type Offset } from '@millrace/base'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BrokerSessions } from '../src/broker-sessions.ts'
import { node, TestCluster } from './cluster.ts'

const SESSION_MS = 2000
const DELAY_MS = 250
const FORGOTTEN_MS = 600_000

const newSessions = () =>
  new BrokerSessions({
    sessionTimeoutMs: SESSION_MS,
    wrongGuessDelayMs: DELAY_MS,
    wrongGuessForgottenMs: FORGOTTEN_MS,
  })
const process = (id: number, brokerEpoch: number) => ({ brokerId: node(id), brokerEpoch })
const heartbeat = (id: number, brokerEpoch: number, applied = 0, wantShutDown = false) => ({
  ...process(id, brokerEpoch),
  currentMetadataOffset: applied as Offset,
  wantFence: false,
  wantShutDown,
  offlineLogDirs: [],
})
const expiredIds = (sessions: BrokerSessions, nowMs: number) =>
  sessions.expired(nowMs).map(({ brokerId }) => brokerId as number)

test('a session ends when its broker has not been heard from for the timeout, and is named once', () => {
  const sessions = newSessions()
  expect(sessions.nextDeadlineMs()).toBeNull()
  sessions.registered(process(1, 5), 100)
  sessions.heard(heartbeat(1, 5), null, 900)
  expect(sessions.lastHeardMs(node(1))).toBe(900)
  expect(sessions.nextDeadlineMs()).toBe(2900)
  expect(sessions.expired(2899)).toEqual([])
  expect(sessions.at(2899).isAlive(node(1), 5)).toBe(true)
  expect(sessions.at(2900).isAlive(node(1), 5)).toBe(false)
  expect(sessions.expired(2900)).toEqual([{ ...process(1, 5), lastHeardMs: 900 }])
  expect(sessions.expired(9999)).toEqual([])
  expect(sessions.nextDeadlineMs()).toBeNull()
  sessions.heard(heartbeat(1, 5), null, 10_000)
  expect(sessions.nextDeadlineMs()).toBe(12_000)
})

test('a process that was replaced does not extend the session of its successor, nor ends it (KIP-631)', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  sessions.registered(process(1, 9), 100)
  sessions.heard(heartbeat(1, 5), null, 1500)
  sessions.registered(process(1, 5), 1500)
  sessions.gone(process(1, 5), 1500)
  expect(sessions.nextDeadlineMs()).toBe(2100)
  expect(sessions.at(1500).isAlive(node(1), 5)).toBe(false)
  expect(sessions.at(1500).isAlive(node(1), 9)).toBe(true)
})

test('a controller that becomes active gives every broker that is not fenced a whole session', () => {
  const { image } = new TestCluster([{ id: 1 }, { id: 2, fenced: true }, { id: 3 }])
  const sessions = newSessions()
  sessions.registered(process(8, 80), 0)
  sessions.reset(image, 5000)
  expect(sessions.nextDeadlineMs()).toBe(7000)
  expect(expiredIds(sessions, 6999)).toEqual([])
  expect(expiredIds(sessions, 7000)).toEqual([1, 3])
})

test('a process that is gone loses its session at once (fast fencing)', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  sessions.registered(process(2, 6), 0)
  sessions.gone(process(1, 5), 100)
  expect(sessions.nextDeadlineMs()).toBe(100)
  expect(expiredIds(sessions, 100)).toEqual([1])
  sessions.gone(process(1, 5), 200)
  expect(expiredIds(sessions, 200)).toEqual([])
  sessions.gone(process(7, 7), 200)
  expect(expiredIds(sessions, 200)).toEqual([])
})

test('after a wrong guess the next has to stand, twice as long each time, up to a whole session', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  let nowMs = 0
  const delays = [0, 1, 2, 3, 4, 5].map(() => {
    nowMs += 100
    sessions.heard(heartbeat(1, 5), null, nowMs)
    sessions.gone(process(1, 5), nowMs)
    const delayMs = sessions.nextDeadlineMs()! - nowMs
    sessions.expired(nowMs + delayMs)
    return delayMs
  })
  expect(delays).toEqual([0, 250, 500, 1000, 2000, 2000])
})

test('a broker that speaks up while a guess has to stand keeps its session', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  sessions.gone(process(1, 5), 0)
  sessions.expired(0)
  sessions.heard(heartbeat(1, 5), null, 50)
  sessions.gone(process(1, 5), 100)
  expect(sessions.nextDeadlineMs()).toBe(100 + DELAY_MS)
  sessions.heard(heartbeat(1, 5), null, 200)
  expect(sessions.nextDeadlineMs()).toBe(200 + SESSION_MS)
})

test('a guess never lengthens a session', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  for (let round = 0; round < 5; round++) {
    sessions.gone(process(1, 5), 0)
    sessions.heard(heartbeat(1, 5), null, 0)
  }
  sessions.gone(process(1, 5), 1900)
  expect(sessions.nextDeadlineMs()).toBe(SESSION_MS)
})

test('wrong guesses are forgotten with time, and with the process', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  sessions.gone(process(1, 5), 0)
  sessions.heard(heartbeat(1, 5), null, 0)
  sessions.heard(heartbeat(1, 5), null, FORGOTTEN_MS - 1)
  sessions.gone(process(1, 5), FORGOTTEN_MS - 1)
  expect(sessions.nextDeadlineMs()).toBe(FORGOTTEN_MS - 1 + DELAY_MS)
  sessions.heard(heartbeat(1, 5), null, FORGOTTEN_MS)
  sessions.heard(heartbeat(1, 5), null, 2 * FORGOTTEN_MS - 1)
  sessions.gone(process(1, 5), 2 * FORGOTTEN_MS)
  expect(sessions.nextDeadlineMs()).toBe(2 * FORGOTTEN_MS)
  sessions.heard(heartbeat(1, 5), null, 2 * FORGOTTEN_MS)
  sessions.registered(process(1, 6), 2 * FORGOTTEN_MS)
  sessions.gone(process(1, 6), 2 * FORGOTTEN_MS + 1)
  expect(expiredIds(sessions, 2 * FORGOTTEN_MS + 1)).toEqual([1])
})

test('what brokers have applied, and what a shutdown led to, is known while they live', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  expect(sessions.at(0).appliedOffset(node(1), 5)).toBe(NO_OFFSET)
  sessions.heard(heartbeat(1, 5, 40), 41 as Offset, 10)
  expect(sessions.at(10).appliedOffset(node(1), 5)).toBe(40)
  expect(sessions.at(10).shutdownOffset(node(1), 5)).toBe(NO_OFFSET)
  sessions.heard(heartbeat(1, 5, 42, true), 50 as Offset, 20)
  sessions.heard(heartbeat(1, 5, 43, true), null, 30)
  expect(sessions.at(30).shutdownOffset(node(1), 5)).toBe(50)
  expect(sessions.at(2030).appliedOffset(node(1), 5)).toBeNull()
  expect(sessions.at(30).appliedOffset(node(1), 6)).toBeNull()
})

test('a broker that could not be fenced is named again later, unless it was heard from or replaced', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  sessions.expired(SESSION_MS)
  sessions.fencingFailed(process(1, 4), SESSION_MS)
  expect(sessions.nextDeadlineMs()).toBeNull()
  sessions.fencingFailed(process(1, 5), SESSION_MS)
  expect(sessions.at(SESSION_MS).isAlive(node(1), 5)).toBe(false)
  expect(expiredIds(sessions, 2 * SESSION_MS)).toEqual([1])
  sessions.heard(heartbeat(1, 5), null, 5000)
  sessions.fencingFailed(process(1, 5), 6000)
  expect(sessions.nextDeadlineMs()).toBe(7000)
})

test('an unregistered broker is forgotten', () => {
  const sessions = newSessions()
  sessions.registered(process(1, 5), 0)
  sessions.forget(node(1))
  expect(sessions.lastHeardMs(node(1))).toBeNull()
  expect(sessions.expired(SESSION_MS)).toEqual([])
})

test('however brokers come, speak and fall silent, a session ends exactly when nothing was heard for the timeout', () => {
  const event = fc.record({ id: fc.integer({ min: 1, max: 3 }), afterMs: fc.nat(1500) })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const sessions = newSessions()
      const deadlines = new Map<number, number>()
      let nowMs = 0
      for (const { id, afterMs } of events) {
        nowMs += afterMs
        const due = [...deadlines].filter(([, deadlineMs]) => deadlineMs <= nowMs).map(([due]) => due)
        expect(new Set(expiredIds(sessions, nowMs))).toEqual(new Set(due))
        for (const ended of due) deadlines.delete(ended)
        sessions.heard(heartbeat(id, id), null, nowMs)
        deadlines.set(id, nowMs + SESSION_MS)
        expect(sessions.nextDeadlineMs()).toBe(Math.min(...deadlines.values()))
      }
    }),
  )
})
