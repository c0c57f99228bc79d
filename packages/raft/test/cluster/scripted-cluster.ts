/**
 * A cluster that does what a scenario says, one command a line, and records what its replicas do. Messages and writes take a
 * millisecond each; of a timer's jitter node n takes n tenths, so that the lowest id is the quickest.
 *
 * Commands: `voters 1 2 3`, `observers 4`, `controllers 5` (may become voters), `auto-join`; `start N…`, `crash N`, `wipe N`;
 * `second N M` (another process with id N, called M in commands);
 * `run MS`, `until elected N`, `until leader N` (all it has is committed), `until settled`; `propose N COUNT`; `cut A>B…`, `heal`; `hold-disk N`, `release-disk N`;
 * `gone N M` (N learns that M is gone), `resign N`, `fire N TIMER`; `snapshot N`, `damage N` (its next snapshot);
 * `add LEADER N`, `remove LEADER N`; `loud`, `quiet`, `state`.
 */
import { nodeId, type NodeId, type Uuid } from '@millrace/base'
import {
  type LeaderEntry,
  type RaftEffect,
  type RaftRequest,
  type RaftResponse,
  type RaftTimer,
  UNKNOWN_DIRECTORY,
  type Voter,
  VoterSet,
} from '../../src/index.ts'
import { Checker } from './checker.ts'
import { Driver, type World } from './driver.ts'
import { Schedule } from './schedule.ts'
import { describeEffect, describeRequest, describeResponse } from './transcript.ts'

const UNTIL_MS = 20_000

export class ScriptedCluster implements World {
  readonly schedule = new Schedule()
  readonly fetchBatchesMax = 100
  readonly #checker = new Checker()
  readonly #drivers = new Map<number, Driver>()
  readonly #canVote = new Map<number, boolean>()
  readonly #cuts = new Set<string>()
  readonly #held = new Map<number, (() => void)[]>()
  readonly #damaged = new Set<number>()
  readonly #directories = new Map<number, number>()
  #bootstrapVoters = new VoterSet([])
  #autoJoin = false
  #isLoud = false
  #values = 0
  #lines: string[] = []

  /** @returns what happened */
  execute(command: string): readonly string[] {
    this.#lines = []
    const [verb, ...words] = command.split(/\s+/) as [string, ...string[]]
    const numbers = words.map(Number)
    this.#perform(verb, words, numbers)
    return this.#lines
  }

  // Commands

  #perform(verb: string, words: readonly string[], numbers: readonly number[]): void {
    const [first = 0, second = 0] = numbers
    switch (verb) {
      case 'voters':
        this.#bootstrapVoters = new VoterSet(numbers.map((id) => this.#voter(id, UNKNOWN_DIRECTORY)))
        for (const id of numbers) this.#canVote.set(id, true)
        return
      case 'observers':
        for (const id of numbers) this.#canVote.set(id, false)
        return
      case 'controllers':
        for (const id of numbers) this.#canVote.set(id, true)
        return
      case 'auto-join':
        this.#autoJoin = true
        return
      case 'start':
        for (const id of numbers) this.#start(id)
        return
      case 'second':
        return this.#start(first, second)
      case 'propose':
        return this.#driver(first).step({ kind: 'propose', recordCount: second, proposal: second })
      case 'gone':
        return this.#driver(first).step({ kind: 'peer-gone', id: nodeId(second) })
      case 'resign':
        return this.#driver(first).step({ kind: 'resign' })
      case 'fire':
        if (!this.#driver(first).fire(words[1] as RaftTimer)) this.#lines.push('not armed')
        return
      case 'snapshot':
        return this.#driver(first).makeSnapshot()
      case 'add':
        return this.#ask(first, {
          kind: 'add-voter',
          voter: this.#voter(second, this.#driver(second).directoryId),
          timeoutMs: 500,
        })
      case 'remove':
        return this.#ask(first, {
          kind: 'remove-voter',
          voter: this.#driver(second).key,
          timeoutMs: 500,
          onlyIfSilent: false,
        })
      default:
        return this.#performOnWorld(verb, words, first)
    }
  }

  #performOnWorld(verb: string, words: readonly string[], first: number): void {
    switch (verb) {
      case 'crash':
        return this.#driver(first).crash()
      case 'wipe': {
        const driver = this.#driver(first)
        driver.disk.wipe()
        driver.directoryId = this.#newDirectory(first)
        return this.#checker.forget(driver)
      }
      case 'cut':
        for (const word of words) this.#cuts.add(word)
        return
      case 'heal':
        return this.#cuts.clear()
      case 'hold-disk':
        this.#held.set(first, [])
        return
      case 'release-disk':
        for (const done of this.#held.get(first) ?? []) this.schedule.after(1, done)
        this.#held.delete(first)
        return
      case 'damage':
        this.#damaged.add(first)
        return
      case 'run':
        return this.#runFor(first, () => false)
      case 'until':
        if (!this.#runUntil(words)) this.#lines.push('it did not come to that')
        return
      case 'loud':
      case 'quiet':
        this.#isLoud = verb === 'loud'
        return
      case 'state':
        for (const driver of this.#drivers.values()) this.#lines.push(describeState(driver))
        return
      default:
        throw new Error(`no such command: ${verb}`)
    }
  }

  /** @param name in commands, where it is not the id: nobody reaches it, as its address is taken */
  #start(id: number, name = id): void {
    const driver =
      this.#drivers.get(name) ??
      new Driver(
        nodeId(id),
        this.#newDirectory(id),
        {
          canVote: this.#canVote.get(id) ?? false,
          bootstrapVoters: this.#bootstrapVoters,
          config: {
            fetchTimeoutMs: 1000,
            electionTimeoutMs: 500,
            electionBackoffMaxMs: 400,
            requestTimeoutMs: 800,
            fetchMaxWaitMs: 200,
            fetchMaxBytes: 1 << 20,
            snapshotChunkBytes: 10,
            autoJoin: this.#autoJoin,
          },
        },
        this,
      )
    this.#drivers.set(name, driver)
    this.#checker.restarted(driver)
    driver.start()
  }

  #ask(id: number, request: RaftRequest): void {
    this.#driver(id).request(request, (response) => {
      this.#record(`admin: ${response === null ? 'no answer' : describeResponse(request, response)}`)
    })
  }

  #runUntil([what, id]: readonly string[]): boolean {
    const isThere = (): boolean => {
      if (what === 'settled') return this.#isSettled()
      const node = this.#driver(Number(id)).node
      if (what === 'elected') return node?.role === 'leader'
      return node?.role === 'leader' && node.highWatermark === node.logEndOffset
    }
    this.#runFor(UNTIL_MS, isThere)
    return isThere()
  }

  #runFor(durationMs: number, isThere: () => boolean): void {
    const endMs = this.schedule.nowMs + durationMs
    while (!isThere() && this.schedule.step(endMs));
  }

  #isSettled(): boolean {
    const running = [...this.#drivers.values()].filter(({ node }) => node !== null)
    const leader = running.find(({ node }) => node?.role === 'leader')?.node
    return (
      leader !== undefined &&
      leader !== null &&
      leader.highWatermark === leader.logEndOffset &&
      running.every(({ node }) => node?.highWatermark === leader.logEndOffset)
    )
  }

  // World

  jitter(id: NodeId, jitterMs: number): number {
    return Math.floor((jitterMs * id) / 10)
  }

  write(id: NodeId, done: () => void): void {
    const held = this.#held.get(id)
    if (held === undefined) this.schedule.after(1, done)
    else held.push(done)
  }

  carry(
    from: NodeId,
    to: NodeId,
    request: RaftRequest,
    answer: (response: RaftResponse | null) => void,
  ): void {
    let isAnswered = false
    const once = (response: RaftResponse | null): void => {
      if (isAnswered) return
      isAnswered = true
      if (response !== null) this.#recordMaybe(`${to} → ${from} `, describeResponse(request, response))
      answer(response)
    }
    this.#recordMaybe(`${from} → ${to} `, describeRequest(request))
    this.schedule.after(800, () => once(null))
    if (this.#cuts.has(`${from}>${to}`)) return
    this.schedule.after(1, () => {
      const receiver = this.#drivers.get(to)
      if (receiver === undefined || receiver.node === null) return once(null)
      receiver.request(request, (response) => {
        if (!this.#cuts.has(`${to}>${from}`)) this.schedule.after(1, () => once(response))
      })
    })
  }

  observe(driver: Driver, effect: RaftEffect): void {
    this.#checker.observe(driver, effect)
    this.#recordMaybe(`${driver.id}: `, describeEffect(effect))
  }

  valueOf(driver: Driver, entry: LeaderEntry, baseOffset: number, epoch: number): number {
    this.#values += 1
    const voters = entry.kind === 'voters' ? entry.voters.voters : null
    this.#checker.place(driver, {
      baseOffset,
      lastOffset: baseOffset,
      epoch,
      value: this.#values,
      voters,
    })
    return this.#values
  }

  wantsSnapshot(): boolean {
    return false
  }

  isDamaged(driver: Driver): boolean {
    return this.#damaged.delete(driver.id)
  }

  // Record

  #recordMaybe(prefix: string, text: string | null): void {
    if (text !== null) this.#record(prefix + text)
  }

  #record(text: string): void {
    if (this.#isLoud) this.#lines.push(`${String(Math.round(this.schedule.nowMs)).padStart(6)} ${text}`)
  }

  #driver(id: number): Driver {
    const driver = this.#drivers.get(id)
    if (driver === undefined) throw new Error(`node ${id} was never started`)
    return driver
  }

  #voter(id: number, directoryId: Uuid): Voter {
    return { id: nodeId(id), directoryId, endpoint: { host: `node-${id}`, port: 9093 } }
  }

  #newDirectory(id: number): Uuid {
    const count = (this.#directories.get(id) ?? 0) + 1
    this.#directories.set(id, count)
    return `${id}${'abcdefgh'[count - 1]!}` as Uuid
  }
}

function describeState({ id, node, disk }: Driver): string {
  if (node === null) return `${id} down`
  const leader = node.leaderId === -1 ? 'nobody' : String(node.leaderId)
  const kind = node.isVoter ? 'voter' : 'observer'
  const voters = node.voters.voters.map((voter) =>
    voter.directoryId === UNKNOWN_DIRECTORY ? `${voter.id}?` : voter.directoryId,
  )
  const log = disk.log.map(({ baseOffset, lastOffset, epoch }) =>
    baseOffset === lastOffset ? `${baseOffset}@${epoch}` : `${baseOffset}-${lastOffset}@${epoch}`,
  )
  const start = disk.logStartOffset === 0 ? '' : `from ${disk.logStartOffset} `
  return (
    `${id} ${node.role} (${kind}) epoch ${node.epoch} leader ${leader} hw ${node.highWatermark} ` +
    `voters ${voters.join(' ')} log ${start}${log.join(' ')}`
  )
}
