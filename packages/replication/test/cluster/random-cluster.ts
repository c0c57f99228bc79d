/**
 * A cluster under faults that a seed chooses: lost, late and repeated messages, late metadata, brokers that crash with or
 * without what is not on disk, that are fenced though alive, that stop, whose log is damaged or reassigned. Then the faults end,
 * and all replicas must come to agree.
 */
import { nodeId, type NodeId, type Rng, seededRng, offset as toOffset } from '@millrace/base'
import type {
  FetchAnswer,
  FollowerFetch,
  ReplicationConfig,
  ReplicationEffect,
  ReplicationEvent,
} from '../../src/index.ts'
import { Checker } from './checker.ts'
import { type AlterPartition, Controller } from './controller.ts'
import { Driver, type World } from './driver.ts'
import { Schedule } from './schedule.ts'

const CHAOS_MS = 6000
const CALM_MS = 20_000

export class RandomCluster implements World {
  readonly schedule = new Schedule()
  readonly controller: Controller
  readonly checker: Checker
  readonly config: ReplicationConfig
  readonly #fetchRecordsMax: number
  readonly #drivers = new Map<NodeId, Driver>()
  readonly #plan: Rng
  readonly #net: Rng
  readonly #disks: Rng
  readonly #lossPercent: number
  readonly #repeatPercent: number
  readonly #latencyMs: number
  readonly #metadataLagMs: number
  readonly #diskMs: number
  readonly #hasDamage: boolean
  /** How far each broker has read the metadata log. */
  readonly #applied = new Map<NodeId, number>()
  readonly #writtenAtMs = new Map<NodeId, number>()
  /** Lost records that they had acknowledged, and are not known to have them again. */
  readonly #tainted = new Set<NodeId>()
  readonly #epochAtTaint = new Map<NodeId, number>()
  readonly #cuts = new Set<string>()
  #isCalm = false
  #isQuiet = false
  #values = 0
  #trace: string[] = []

  constructor(seed: number) {
    const rng = seededRng(seed)
    const swarm = rng.fork('swarm')
    this.#plan = rng.fork('plan')
    this.#net = rng.fork('net')
    this.#disks = rng.fork('disks')
    const size = 3 + swarm.below(3)
    const isCommit = swarm.below(2) === 0
    const ids = Array.from({ length: size }, (_, index) => nodeId(index + 1))
    this.config = {
      flushPolicy: isCommit ? 'commit' : swarm.below(4) === 0 ? 'interval' : 'os',
      minInsyncReplicas: 1 + swarm.below(Math.min(3, size)),
      replicaLagTimeMaxMs: 100 + swarm.below(600),
      proposalBackoffMs: 20 + swarm.below(100),
    }
    this.#fetchRecordsMax = 1 + swarm.below(12)
    this.#lossPercent = swarm.below(2) * swarm.below(25)
    this.#repeatPercent = swarm.below(2) * swarm.below(10)
    this.#latencyMs = 1 + swarm.below(40)
    this.#metadataLagMs = 1 + swarm.below(150)
    this.#diskMs = 1 + swarm.below(25)
    this.#hasDamage = swarm.below(3) === 0
    this.controller = new Controller({
      replicas: ids,
      minInsyncReplicas: this.config.minInsyncReplicas,
      isLossy: !isCommit,
      onChange: () => this.#onMetadataChange(),
    })
    for (const id of ids) this.#drivers.set(id, new Driver(id, this))
    this.checker = new Checker(this.controller, this.#drivers, isCommit, this.#tainted)
  }

  run(): void {
    for (const driver of this.#drivers.values()) {
      this.#start(driver, true)
      this.#every(40, () => this.#tick(driver))
      this.#every(25, () => driver.step({ kind: 'tell-high-watermark' }))
      this.#every(100, () => driver.checkpoint())
    }
    this.#every(12, () => this.#produce())
    this.#every(90, () => this.#read())
    this.#every(110, () => this.#fault())
    this.#every(50, () => this.#heartbeats())
    while (this.schedule.step(CHAOS_MS));
    this.#calm()
    while (this.schedule.step(CHAOS_MS + 500));
    this.#isQuiet = true
    while (!this.#isSettled() && this.schedule.nowMs < CHAOS_MS + CALM_MS) {
      this.schedule.step(this.schedule.nowMs + 20)
    }
    if (!this.#isSettled()) throw new Error('the replicas did not come to agree')
    this.#checkEnd()
  }

  describe(): string {
    const { partition, elr } = this.controller
    const state = [...this.#drivers.values()].map(({ id, replica, disk, brokerEpoch }) => {
      const what =
        replica === null ? 'down' : `${replica.role} epoch ${replica.leaderEpoch} hw ${replica.highWatermark}`
      const log = disk.entries.slice(-4).map(({ epoch, value }) => `${value}@${epoch}`)
      return `${id} (${brokerEpoch}) ${what} max ${replica?.maximalIsr?.join() ?? '-'} log ${disk.startOffset}..${disk.endOffset} ${log.join(' ')}`
    })
    const about = `controller: ${JSON.stringify(partition)} elr ${elr.join()}; committed ${this.checker.committed.length}`
    return [
      JSON.stringify(this.config),
      about,
      ...state,
      ...this.#trace.slice(-Number(process.env['TRACE'] ?? 25)),
    ].join('\n')
  }

  // World

  get nowMs(): number {
    return this.schedule.nowMs
  }

  get fetchRecordsMax(): number {
    return this.#isCalm ? 100 : this.#fetchRecordsMax
  }

  after(delayMs: number, run: () => void): void {
    this.schedule.after(delayMs, run)
  }

  write(id: NodeId, done: () => void): void {
    const ms = this.#disks.below(20) === 0 ? this.#diskMs * 10 : this.#disks.below(this.#diskMs + 1)
    const atMs = Math.max(this.nowMs + ms, this.#writtenAtMs.get(id) ?? 0)
    // A later one than the one before, for those that are due together have no order.
    this.#writtenAtMs.set(id, atMs + 0.001)
    this.after(atMs - this.nowMs, done)
  }

  carryFetch(fetch: FollowerFetch, leaderId: NodeId): void {
    this.#carry(fetch.replicaId, leaderId, () => this.#drivers.get(leaderId)!.step({ kind: 'fetch', fetch }))
  }

  carryReply(from: NodeId, to: NodeId, fetchId: number, answer: FetchAnswer): void {
    this.#carry(from, to, () => this.#drivers.get(to)!.step({ kind: 'fetch-answer', fetchId, answer }))
  }

  carryAlterPartition(
    request: AlterPartition,
    answer: (event: ReplicationEvent) => void,
    requestId: number,
  ): void {
    let isAnswered = false
    const once = (event: ReplicationEvent): void => {
      if (!isAnswered) answer(event)
      isAnswered = true
    }
    const kind = 'alter-partition-answer'
    this.after(this.#isCalm ? 300 : 120, () => once({ kind, requestId, answer: null }))
    this.#carryToController(() => {
      const result = this.controller.alterPartition(request)
      this.#note(`alter ${JSON.stringify(request)} ${JSON.stringify(result)}`)
      this.#carryToController(() => once({ kind, requestId, answer: result }))
    })
  }

  reportIncomplete(id: NodeId, leaderEpoch: number): void {
    this.after(1 + this.#net.below(this.#latencyMs), () => {
      if (this.controller.partition.leaderEpoch === leaderEpoch) this.controller.onIncomplete(id)
    })
  }

  observe(driver: Driver, effect: ReplicationEffect): void {
    this.checker.observe(driver, effect)
    if (process.env['TRACE'] !== undefined) this.#note(`${driver.id}: ${JSON.stringify(effect)}`)
  }

  stepped(driver: Driver): void {
    this.checker.check(driver)
  }

  // Faults

  #fault(): void {
    if (this.#isCalm) return
    const driver = this.#pick()
    switch (this.#plan.below(14)) {
      case 0:
      case 1:
        return this.#crash(driver, false)
      case 2:
      case 3:
        return this.#crash(driver, true)
      case 4:
      case 5:
        return this.controller.setFenced(driver.id, true)
      case 6:
        return this.#shutDown(driver)
      case 7:
        return this.controller.elect(driver.id)
      case 8:
        if (this.controller.reassign(driver.id, this.#plan.below(2) === 0))
          this.#note(`reassign ${driver.id}`)
        return
      case 9:
      case 10:
        return this.#cut(driver)
      case 11:
        return this.#deleteRecords(driver)
      case 12:
        return this.#damage(driver)
      default:
        this.#cuts.clear()
    }
  }

  /** Everything, now and then all at once. */
  #crash(driver: Driver, isPowerCut: boolean): void {
    const all = isPowerCut && this.#plan.below(4) === 0
    for (const victim of all ? this.#drivers.values() : [driver]) {
      if (!victim.isRunning) continue
      if (isPowerCut && !this.#mayLose(victim.id)) continue
      this.#note(`${isPowerCut ? 'power cut' : 'kill'} ${victim.id}`)
      victim.stop()
      if (isPowerCut) victim.disk.cutPower((count) => this.#plan.below(count + 1))
      const isQuick = this.#plan.below(3) === 0
      if (!isQuick) this.after(30 + this.#plan.below(100), () => this.#fenceIfDown(victim))
      // A process that died on a machine that did not has lost nothing that it wrote (the machine's boot id tells).
      this.after(isQuick ? 5 : this.#plan.below(700), () => this.#start(victim, !isPowerCut))
    }
  }

  #fenceIfDown(driver: Driver): void {
    if (!driver.isRunning) this.controller.setFenced(driver.id, true)
  }

  #shutDown(driver: Driver): void {
    if (!driver.isRunning) return
    this.#note(`shut down ${driver.id}`)
    this.controller.beginShutdown(driver.id)
    this.after(this.#plan.below(200), () => {
      if (!driver.isRunning) return
      driver.stop()
      this.after(this.#plan.below(300), () => this.#start(driver, true))
    })
  }

  #cut(driver: Driver): void {
    const other = this.#pick().id
    if (this.#plan.below(2) === 0) this.#cuts.add(`${driver.id}>${other}`)
    else for (const id of this.#drivers.keys()) this.#cuts.add(`${driver.id}>${id}`).add(`${id}>${driver.id}`)
    this.after(this.#plan.below(600), () => this.#cuts.clear())
  }

  #deleteRecords(driver: Driver): void {
    const { replica } = driver
    if (replica === null || replica.role !== 'leader' || replica.highWatermark <= replica.logStartOffset)
      return
    const span = replica.highWatermark - replica.logStartOffset
    driver.deleteRecords(replica.logStartOffset + 1 + this.#plan.below(span))
  }

  #damage(driver: Driver): void {
    const { replica } = driver
    if (!this.#hasDamage || replica === null || replica.logEndOffset === replica.logStartOffset) return
    if (!this.#mayLose(driver.id, true)) return
    const offset = replica.logStartOffset + this.#plan.below(replica.logEndOffset - replica.logStartOffset)
    this.#note(`damage ${driver.id} from ${offset}`)
    driver.damage(offset)
  }

  /** No more replicas than the promise allows may be without what they acknowledged. */
  #mayLose(id: NodeId, isDamage = false): boolean {
    const isCommit = this.config.flushPolicy === 'commit'
    if (isCommit && !isDamage) return true
    const { partition, elr, minIsr } = this.controller
    for (const tainted of this.#tainted) {
      const driver = this.#drivers.get(tainted)!
      const isBack =
        partition.isr.includes(tainted) &&
        driver.disk.damagedFrom === null &&
        (driver.replica?.owedEndOffset ?? driver.disk.owedEndOffset) === null &&
        this.controller.broker(tainted)?.epoch !== this.#epochAtTaint.get(tainted)
      if (isBack && this.#hasAll(driver)) this.#tainted.delete(tainted)
    }
    const holders = [...partition.isr, ...elr].filter((member) => !this.#tainted.has(member) && member !== id)
    if (holders.length === 0 || (!this.#tainted.has(id) && this.#tainted.size >= minIsr - 1)) return false
    this.#tainted.add(id)
    // A process that lost something proves its log as another one; a damaged one may as itself.
    this.#epochAtTaint.set(id, isDamage ? -1 : (this.controller.broker(id)?.epoch ?? -1))
    return true
  }

  #hasAll({ disk }: Driver): boolean {
    const at = this.checker.committed.length - 1
    return at < disk.startOffset || disk.at(at)?.value === this.checker.committed[at]?.value
  }

  #heartbeats(): void {
    for (const { id, isRunning, brokerEpoch } of this.#drivers.values()) {
      const known = this.controller.broker(id)
      if (!isRunning || known?.epoch !== brokerEpoch || !known.isFenced) continue
      if (this.#isCalm || this.#plan.below(4) === 0) this.controller.setFenced(id, false)
    }
  }

  #calm(): void {
    this.#isCalm = true
    this.#cuts.clear()
    this.#note('calm')
    for (const driver of this.#drivers.values()) {
      if (this.controller.broker(driver.id)?.isStopping === true && driver.isRunning) {
        driver.stop()
        this.#start(driver, true)
      }
    }
  }

  // Work

  #start(driver: Driver, isClean: boolean): void {
    if (driver.isRunning) return
    this.checker.forget(driver.id)
    const epoch = this.controller.register(driver.id, isClean)
    const index = this.controller.versions.length - 1
    this.#note(`start ${driver.id} as ${epoch}`)
    const version = this.controller.versions[index]!
    // What was decided while it was down is seen as one change.
    if (!version.partition.replicas.includes(driver.id)) return
    this.#applied.set(driver.id, index)
    driver.start(epoch, version)
  }

  #tick(driver: Driver): void {
    if (driver.replica?.wantsTick === true) driver.step({ kind: 'tick' })
  }

  #produce(): void {
    if (this.#isQuiet) return
    const leaders = [...this.#drivers.values()].filter(({ replica }) => replica?.role === 'leader')
    const driver = leaders[this.#plan.below(Math.max(leaders.length, 1))]
    if (driver === undefined || driver.replica!.appendRefusal(-1) !== null) return
    const values = Array.from({ length: 1 + this.#plan.below(3) }, () => (this.#values += 1))
    const epoch = driver.replica!.leaderEpoch
    this.checker.place(
      driver,
      values.map((value) => ({ epoch, value })),
    )
    driver.produce(values)
  }

  #read(): void {
    for (const driver of this.#drivers.values())
      if (driver.replica?.role === 'leader') this.checker.read(driver)
  }

  #onMetadataChange(): void {
    const target = this.controller.versions.length - 1
    this.#note(`metadata ${JSON.stringify(this.controller.partition)}`)
    this.checker.checkMembers()
    for (const id of this.#drivers.keys()) {
      this.after(this.#net.below(this.#isCalm ? 10 : this.#metadataLagMs), () => this.#learn(id, target))
    }
  }

  #learn(id: NodeId, target: number): void {
    const driver = this.#drivers.get(id)!
    const from = this.#applied.get(id) ?? -1
    if (!driver.isRunning || from >= target) return
    this.#applied.set(id, target)
    // Either one after another, or as one change.
    const first = this.#net.below(2) === 0 ? from + 1 : target
    for (let index = first; index <= target; index += 1) {
      const version = this.controller.versions[index]!
      driver.learn(version)
    }
  }

  #carry(from: NodeId, to: NodeId, deliver: () => void): void {
    if (this.#isCalm) return this.after(1 + this.#net.below(3), deliver)
    if (this.#cuts.has(`${from}>${to}`) || this.#net.below(100) < this.#lossPercent) return
    const times = this.#net.below(100) < this.#repeatPercent ? 2 : 1
    for (let time = 0; time < times; time += 1) {
      const isLate = this.#net.below(20) === 0
      this.after(this.#net.below(this.#latencyMs * (isLate ? 15 : 1)), deliver)
    }
  }

  #carryToController(deliver: () => void): void {
    if (this.#isCalm) return this.after(1, deliver)
    if (this.#net.below(100) < this.#lossPercent) return
    const isLate = this.#net.below(6) === 0
    this.after(this.#net.below(this.#latencyMs * (isLate ? 20 : 2)), deliver)
  }

  #every(ms: number, run: () => void): void {
    const again = (): void => {
      run()
      this.after(ms, again)
    }
    this.after(this.#plan.below(ms), again)
  }

  #pick(): Driver {
    const id = nodeId(1 + this.#plan.below(this.#drivers.size))
    return this.#drivers.get(id)!
  }

  #note(text: string): void {
    this.#trace.push(`${Math.round(this.nowMs * 10) / 10} ${text}`)
    if (this.#trace.length > 20_000) this.#trace = this.#trace.slice(-10_000)
  }

  // The end

  #isSettled(): boolean {
    const { partition, versions } = this.controller
    if (partition.isr.length < partition.replicas.length || partition.replicas.length < this.#drivers.size)
      return false
    const leader = this.#drivers.get(partition.leader)?.replica
    return [...this.#drivers.values()].every(
      ({ id, replica }) =>
        replica !== null &&
        this.#applied.get(id) === versions.length - 1 &&
        replica.logEndOffset === leader?.logEndOffset &&
        replica.highWatermark === leader.logEndOffset,
    )
  }

  #checkEnd(): void {
    const { committed } = this.checker
    for (const { id, disk } of this.#drivers.values()) {
      for (let at = disk.startOffset; at < committed.length; at += 1) {
        if (disk.at(at)?.value !== committed[at]!.value) throw new Error(`${id} ends up without ${at}`)
      }
      if (disk.endOffset !== committed.length) throw new Error(`${id} ends at ${toOffset(disk.endOffset)}`)
    }
  }
}
