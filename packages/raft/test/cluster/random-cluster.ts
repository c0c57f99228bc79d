/**
 * A small cluster in which everything that may go wrong does, by a seed: messages lost, late, twice and out of order, one-way
 * cuts, crashes that lose what was not on disk, wiped disks of a minority, slow disks, voters that come and go. Then all
 * faults end, and the cluster must get somewhere.
 */
import { nodeId, type NodeId, type Rng, seededRng, type Uuid } from '@millrace/base'
import {
  type LeaderEntry,
  type RaftConfig,
  type RaftEffect,
  type RaftRequest,
  type RaftResponse,
  UNKNOWN_DIRECTORY,
  VoterSet,
} from '../../src/index.ts'
import { Checker } from './checker.ts'
import { Driver, type World } from './driver.ts'
import { Schedule } from './schedule.ts'

/** Each seed has another mixture: some bugs show only where other faults are absent. */
interface Faults {
  readonly loss: number
  readonly duplication: number
  readonly delayMaxMs: number
  readonly longDelay: number
  readonly diskMaxMs: number
  readonly slowDisk: number
  readonly crashEveryMs: number
  readonly cutEveryMs: number
  readonly membershipEveryMs: number
  readonly snapshotEvery: number
  readonly goneNotices: number
  readonly damage: number
  /** Of replicas that are about to write their vote. */
  readonly crashAtVote: number
}

const FAULT_MS = 6000
const HEALED_MS = 20_000

export class RandomCluster implements World {
  readonly schedule = new Schedule()
  readonly checker = new Checker()
  readonly drivers: Driver[] = []
  readonly fetchBatchesMax: number
  readonly #rng: Rng
  readonly #diskRng: Rng
  readonly #netRng: Rng
  readonly #faults: Faults
  readonly #config: RaftConfig
  readonly #cuts = new Set<string>()
  #isHealed = false
  #wipesLeft: number
  #directories = 0
  #values = 0

  constructor(seed: number) {
    const rng = seededRng(seed)
    this.#rng = rng.fork('plan')
    this.#diskRng = rng.fork('disk')
    this.#netRng = rng.fork('net')
    const swarm = rng.fork('swarm')
    const on = (chance: number): boolean => swarm.below(100) < chance
    this.#faults = {
      loss: on(50) ? swarm.below(20) / 100 : 0,
      duplication: on(50) ? swarm.below(10) / 100 : 0,
      delayMaxMs: on(50) ? 5 : 1 + swarm.below(60),
      longDelay: on(40) ? 0.02 : 0,
      diskMaxMs: 1 + swarm.below(on(50) ? 5 : 60),
      slowDisk: on(40) ? 0.02 : 0,
      crashEveryMs: on(70) ? 100 + swarm.below(1500) : Infinity,
      cutEveryMs: on(60) ? 100 + swarm.below(1500) : Infinity,
      membershipEveryMs: on(40) ? 100 + swarm.below(1000) : Infinity,
      snapshotEvery: on(60) ? 10 + swarm.below(60) : Infinity,
      goneNotices: on(60) ? 0.7 : 0,
      damage: on(30) ? 0.3 : 0,
      crashAtVote: on(40) ? 0.2 : 0,
    }
    this.fetchBatchesMax = on(50) ? 1 + swarm.below(3) : 50
    const voterCount = [1, 2, 3, 3, 3, 4, 5, 5][swarm.below(8)]!
    const observerCount = swarm.below(3)
    this.#wipesLeft = on(40) ? Math.floor((voterCount - 1) / 2) : 0
    this.#config = {
      fetchTimeoutMs: 300,
      electionTimeoutMs: 150,
      electionBackoffMaxMs: 200,
      requestTimeoutMs: 250,
      fetchMaxWaitMs: 60,
      fetchMaxBytes: 1 << 20,
      snapshotChunkBytes: 10,
      autoJoin: on(50),
    }
    const ids = Array.from({ length: voterCount }, (_, index) => nodeId(index + 1))
    const bootstrapVoters = new VoterSet(
      ids.map((id) => ({
        id,
        directoryId: UNKNOWN_DIRECTORY,
        endpoint: { host: `node-${id}`, port: 9093 },
      })),
    )
    for (let index = 0; index < voterCount + observerCount; index += 1) {
      const id = nodeId(index + 1)
      const canVote = index < voterCount || on(60)
      const options = { canVote, bootstrapVoters, config: this.#config }
      this.drivers.push(new Driver(id, this.#newDirectory(), options, this))
    }
  }

  /** Faults, then none: throws at the first broken promise. */
  run(): void {
    for (const driver of this.drivers) this.#later(this.#rng.below(300), () => this.#startUp(driver))
    this.#proposeOn()
    this.#repeat(this.#faults.crashEveryMs, () => this.#crashOne())
    this.#repeat(this.#faults.cutEveryMs, () => this.#cutOne())
    this.#repeat(this.#faults.membershipEveryMs, () => this.#changeVoters())
    while (this.schedule.step(FAULT_MS));
    this.#heal()
    while (!this.#isSettled() && this.schedule.step(FAULT_MS + HEALED_MS));
    if (!this.#isSettled()) throw new Error(`not settled:\n${this.describe()}`)
    for (const driver of this.drivers) this.checker.checkApplied(driver)
  }

  describe(): string {
    return this.drivers
      .map(({ id, node }) =>
        node === null
          ? `${id}: down`
          : `${id}: ${node.role} epoch ${node.epoch} leader ${node.leaderId} hw ${node.highWatermark} end ${node.logEndOffset} voters ${node.voters.voters.map((voter) => `${voter.id}/${voter.directoryId}`).join(',')}`,
      )
      .join('\n')
  }

  // World

  jitter(_id: NodeId, jitterMs: number): number {
    return jitterMs < 1 ? 0 : this.#rng.below(Math.ceil(jitterMs))
  }

  write(_id: NodeId, done: () => void): void {
    const isSlow = !this.#isHealed && this.#chance(this.#diskRng, this.#faults.slowDisk)
    const delayMs = isSlow ? 200 + this.#diskRng.below(400) : this.#diskRng.below(this.#faults.diskMaxMs)
    this.schedule.after(this.#isHealed ? 1 : delayMs, done)
  }

  carry(
    from: NodeId,
    to: NodeId,
    request: RaftRequest,
    answer: (response: RaftResponse | null) => void,
  ): void {
    let isAnswered = false
    const once = (response: RaftResponse | null): void => {
      // The core itself must bear an answer that comes twice.
      if (isAnswered && (response === null || this.#isHealed)) return
      isAnswered = true
      answer(response)
    }
    this.schedule.after(this.#config.requestTimeoutMs, () => once(null))
    const deliver = (): void => {
      const receiver = this.drivers[to - 1]!
      if (receiver.node === null) return this.schedule.after(this.#delayMs(), () => once(null))
      receiver.request(request, (response) => {
        this.#transmit(to, from, () => once(response))
      })
    }
    this.#transmit(from, to, deliver)
  }

  observe(driver: Driver, effect: RaftEffect): void {
    this.checker.observe(driver, effect)
    if (effect.kind !== 'persist' || effect.state.voted === null || this.#isHealed) return
    if (!this.#chance(this.#rng, this.#faults.crashAtVote)) return
    this.#later(this.#rng.below(this.#faults.diskMaxMs), () => this.#crash(driver))
  }

  valueOf(driver: Driver, entry: LeaderEntry, baseOffset: number, epoch: number): number {
    this.#values += 1
    const voters = entry.kind === 'voters' ? entry.voters.voters : null
    const batch = { baseOffset, lastOffset: baseOffset, epoch, value: this.#values, voters }
    this.checker.place(driver, batch)
    return this.#values
  }

  wantsSnapshot(driver: Driver): boolean {
    return driver.appliedOffset - (driver.disk.snapshot?.endOffset ?? 0) >= this.#faults.snapshotEvery
  }

  isDamaged(): boolean {
    return !this.#isHealed && this.#chance(this.#rng, this.#faults.damage)
  }

  // Network

  #transmit(from: NodeId, to: NodeId, deliver: () => void): void {
    if (this.#isHealed) return this.schedule.after(1, deliver)
    if (this.#cuts.has(`${from}>${to}`) || this.#chance(this.#netRng, this.#faults.loss)) return
    this.schedule.after(this.#delayMs(), deliver)
    if (this.#chance(this.#netRng, this.#faults.duplication)) {
      this.schedule.after(this.#delayMs() * 3, deliver)
    }
  }

  #delayMs(): number {
    if (this.#isHealed) return 1
    if (this.#chance(this.#netRng, this.#faults.longDelay)) return this.#netRng.below(1000)
    return this.#netRng.below(this.#faults.delayMaxMs) + 1
  }

  // Faults

  #crashOne(): void {
    const driver = this.drivers[this.#rng.below(this.drivers.length)]!
    if (driver.node === null) return
    if (this.#rng.below(6) === 0) {
      driver.step({ kind: 'resign' })
      this.#later(this.#rng.below(60), () => this.#crash(driver))
    } else {
      this.#crash(driver)
    }
  }

  #crash(driver: Driver): void {
    if (driver.node === null) return
    driver.crash()
    const mayWipe = this.#wipesLeft > 0 && this.#rng.below(4) === 0
    if (mayWipe && driver.id <= this.#wipeLimit()) {
      this.#wipesLeft -= 1
      driver.disk.wipe()
      driver.directoryId = this.#newDirectory()
      this.checker.forget(driver)
    }
    for (const other of this.drivers) {
      if (other === driver || !this.#chance(this.#rng, this.#faults.goneNotices)) continue
      this.#later(this.#rng.below(40), () => other.step({ kind: 'peer-gone', id: driver.id }))
    }
    const downMaxMs = [10, 200, 2000][this.#rng.below(3)]!
    this.#later(this.#rng.below(downMaxMs), () => this.#startUp(driver))
  }

  /** Voters come and go in some runs: there a wipe could be one too many. */
  #wipeLimit(): number {
    return this.#faults.membershipEveryMs === Infinity ? this.drivers.length : 0
  }

  #startUp(driver: Driver): void {
    if (driver.node !== null) return
    this.checker.restarted(driver)
    driver.start()
  }

  #cutOne(): void {
    const from = this.#rng.below(this.drivers.length) + 1
    const to = this.#rng.below(this.drivers.length) + 1
    const pairs = [`${from}>${to}`]
    const shape = this.#rng.below(3)
    if (shape === 1) pairs.push(`${to}>${from}`)
    if (shape === 2) for (const { id } of this.drivers) pairs.push(`${from}>${id}`, `${id}>${from}`)
    if (this.#rng.below(10) === 0) {
      const id = nodeId(from)
      this.drivers[to - 1]!.step({ kind: 'peer-gone', id })
    }
    for (const pair of pairs) this.#cuts.add(pair)
    this.#later(this.#rng.below(1500), () => {
      for (const pair of pairs) this.#cuts.delete(pair)
    })
  }

  #changeVoters(): void {
    const leader = this.#leaders()[0]
    if (leader === undefined) return
    const { voters } = leader.requireNode
    const driver = this.drivers[this.#rng.below(this.drivers.length)]!
    const known = voters.get(driver.id)
    const endpoint = { host: `node-${driver.id}`, port: 9093 }
    const ignore = (): void => {}
    if (known !== undefined && voters.size > 1) {
      leader.request({ kind: 'remove-voter', voter: known, timeoutMs: 200, onlyIfSilent: false }, ignore)
    } else if (known === undefined && driver.canVote) {
      leader.request({ kind: 'add-voter', voter: { ...driver.key, endpoint }, timeoutMs: 200 }, ignore)
    }
  }

  #heal(): void {
    this.#isHealed = true
    this.#cuts.clear()
    for (const driver of this.drivers) this.#startUp(driver)
  }

  // Clients

  #proposeOn(): void {
    this.#later(this.#rng.below(30), () => {
      for (const leader of this.#leaders()) {
        leader.step({ kind: 'propose', recordCount: 1, proposal: 1 })
      }
      if (!this.#isHealed) this.#proposeOn()
    })
  }

  #leaders(): Driver[] {
    return this.drivers.filter(({ node }) => node?.role === 'leader')
  }

  /** One leader whose epoch is committed, and everybody has applied all there is. */
  #isSettled(): boolean {
    const leaders = this.#leaders()
    const node = leaders[0]?.node
    if (
      leaders.length !== 1 ||
      node === undefined ||
      node === null ||
      node.highWatermark !== node.logEndOffset
    )
      return false
    if (node.highWatermark < 1) return false
    return this.drivers.every(
      (driver) =>
        driver.node !== null &&
        driver.node.leaderId === leaders[0]!.id &&
        driver.node.highWatermark === node.highWatermark &&
        driver.appliedOffset === node.highWatermark,
    )
  }

  #repeat(everyMs: number, run: () => void): void {
    if (everyMs === Infinity) return
    this.#later(this.#rng.below(2 * everyMs), () => {
      if (this.#isHealed) return
      run()
      this.#repeat(everyMs, run)
    })
  }

  #later(delayMs: number, run: () => void): void {
    this.schedule.after(delayMs, run)
  }

  #chance(rng: Rng, probability: number): boolean {
    return probability > 0 && rng.below(1_000_000) < probability * 1_000_000
  }

  #newDirectory(): Uuid {
    this.#directories += 1
    return `directory-${String(this.#directories).padStart(4, '0')}` as Uuid
  }
}
