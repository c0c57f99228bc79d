/**
 * A cluster that does what a scenario says, one command a line, and records what its replicas do. Messages, writes and metadata
 * take a millisecond each; a follower that failed to fetch tries again after 20, leaders look at lag every 50.
 *
 * Commands: `brokers 1 2 3`, `min-isr 2`, `flush commit|os`; `start N…`, `kill N`, `power-cut N` (nothing unflushed is left),
 * `checkpoint N`; `fence N`, `unfence N`, `shutdown N`, `elect N`, `unclean N`, `reassign N` (away and back, in one batch); `produce N COUNT`,
 * `delete N OFFSET`, `damage N OFFSET`, `disk-error N`; `cut A>B…`, `heal`; `hold-disk N`, `release-disk N`; `hold-metadata N`,
 * `release-metadata N`; of AlterPartition: `lose-answers N`, `lose-requests N`, `find-controller N`, `hold-requests N`,
 * `pass-requests N` (later ones), `release-requests N`; `run MS`, `loud`, `quiet`, `state`.
 */
import { nodeId, type NodeId } from '@millrace/base'
import type {
  FetchAnswer,
  FollowerFetch,
  ReplicationConfig,
  ReplicationEffect,
  ReplicationEvent,
} from '../../src/index.ts'
import { type AlterPartition, Controller } from './controller.ts'
import { Driver, type World } from './driver.ts'
import { Schedule } from './schedule.ts'
import { describeEffect } from './transcript.ts'

export class ScriptedCluster implements World {
  readonly schedule = new Schedule()
  readonly fetchRecordsMax = 100
  readonly #drivers = new Map<NodeId, Driver>()
  readonly #cuts = new Set<string>()
  readonly #heldWrites = new Map<NodeId, (() => void)[]>()
  readonly #heldMetadata = new Set<NodeId>()
  readonly #loseAnswers = new Set<NodeId>()
  readonly #loseRequests = new Set<NodeId>()
  readonly #heldRequests = new Map<NodeId, (() => void)[]>()
  readonly #holdsRequests = new Set<NodeId>()
  readonly #applied = new Map<NodeId, number>()
  #controller: Controller | null = null
  #minInsyncReplicas = 1
  #flushPolicy: ReplicationConfig['flushPolicy'] = 'commit'
  #values = 0
  #isLoud = false
  #lines: string[] = []

  get nowMs(): number {
    return this.schedule.nowMs
  }

  get config(): ReplicationConfig {
    const minInsyncReplicas = this.#minInsyncReplicas
    const flushPolicy = this.#flushPolicy
    return { flushPolicy, minInsyncReplicas, replicaLagTimeMaxMs: 300, proposalBackoffMs: 50 }
  }

  /** @returns what happened */
  execute(command: string): readonly string[] {
    this.#lines = []
    const [verb, ...words] = command.split(/\s+/) as [string, ...string[]]
    const ids = words.map((word) => Number(word))
    if (!this.#perform(verb, words, ids) && !this.#performOnWorld(verb, words, ids)) {
      throw new Error(`no such command: ${command}`)
    }
    return this.#lines
  }

  // Commands

  #perform(verb: string, words: readonly string[], ids: readonly number[]): boolean {
    const [first = 0, second = 0] = ids
    const id = first as NodeId
    switch (verb) {
      case 'brokers':
        for (const broker of ids) this.#drivers.set(nodeId(broker), new Driver(nodeId(broker), this))
        return true
      case 'min-isr':
        this.#minInsyncReplicas = first
        return true
      case 'flush':
        this.#flushPolicy = words[0] === 'os' ? 'os' : 'commit'
        return true
      case 'start':
        this.#start(ids.map((broker) => this.#driver(broker)))
        return true
      case 'kill':
        this.#driver(first).stop()
        return true
      case 'checkpoint':
        this.#driver(first).checkpoint()
        return true
      case 'power-cut':
        this.#driver(first).stop()
        this.#driver(first).disk.cutPower(() => 0)
        return true
      case 'produce':
        this.#produce(this.#driver(first), second)
        return true
      case 'delete':
        this.#driver(first).deleteRecords(second)
        return true
      case 'damage':
        this.#driver(first).damage(second)
        return true
      case 'disk-error':
        this.#driver(first).step({ kind: 'log-failed' })
        return true
      default:
        return this.#performOnController(verb, id)
    }
  }

  #performOnController(verb: string, id: NodeId): boolean {
    const controller = this.#theController
    switch (verb) {
      case 'fence':
      case 'unfence':
        controller.setFenced(id, verb === 'fence')
        return true
      case 'shutdown':
        controller.beginShutdown(id)
        return true
      case 'elect':
        controller.elect(id)
        return true
      case 'unclean':
        controller.electUnclean(id)
        return true
      case 'reassign':
        if (!controller.reassign(id, true)) this.#lines.push('refused')
        return true
      default:
        return false
    }
  }

  #performOnWorld(verb: string, words: readonly string[], [first = 0]: readonly number[]): boolean {
    const id = first as NodeId
    switch (verb) {
      case 'cut':
        for (const word of words) this.#cuts.add(word)
        return true
      case 'heal':
        this.#cuts.clear()
        return true
      case 'hold-disk':
        this.#heldWrites.set(id, [])
        return true
      case 'release-disk':
        for (const done of this.#heldWrites.get(id) ?? []) this.after(1, done)
        return this.#heldWrites.delete(id)
      case 'hold-metadata':
        this.#heldMetadata.add(id)
        return true
      case 'release-metadata':
        this.#heldMetadata.delete(id)
        this.#learn(id)
        return true
      case 'lose-answers':
        this.#loseAnswers.add(id)
        return true
      case 'lose-requests':
        this.#loseRequests.add(id)
        return true
      case 'find-controller':
        this.#loseAnswers.delete(id)
        this.#loseRequests.delete(id)
        return true
      case 'hold-requests':
        this.#heldRequests.set(id, [])
        this.#holdsRequests.add(id)
        return true
      case 'pass-requests':
        return this.#holdsRequests.delete(id)
      case 'release-requests':
        for (const deliver of this.#heldRequests.get(id) ?? []) this.after(1, deliver)
        this.#holdsRequests.delete(id)
        return this.#heldRequests.delete(id)
      case 'run':
        this.#run(first)
        return true
      case 'loud':
      case 'quiet':
        this.#isLoud = verb === 'loud'
        return true
      case 'state':
        this.#describe()
        return true
      default:
        return false
    }
  }

  get #theController(): Controller {
    this.#controller ??= new Controller({
      replicas: [...this.#drivers.keys()],
      minInsyncReplicas: this.#minInsyncReplicas,
      isLossy: this.#flushPolicy !== 'commit',
      onChange: () => this.#onMetadataChange(),
    })
    return this.#controller
  }

  #driver(id: number): Driver {
    const driver = this.#drivers.get(id as NodeId)
    if (driver === undefined) throw new Error(`there is no broker ${id}`)
    return driver
  }

  /** All see all of them registered, and fenced no more. */
  #start(drivers: readonly Driver[]): void {
    const controller = this.#theController
    const fresh = drivers.filter(({ id }) => controller.broker(id) === undefined)
    const epochs = drivers.map((driver) => controller.register(driver.id, fresh.includes(driver)))
    for (const { id } of drivers) controller.setFenced(id, false)
    drivers.forEach((driver, index) => {
      this.#applied.set(driver.id, controller.versions.length - 1)
      driver.start(epochs[index]!, controller.versions.at(-1)!)
    })
    for (const driver of fresh) this.#tick(driver)
  }

  #tick(driver: Driver): void {
    if (driver.replica?.wantsTick === true) driver.step({ kind: 'tick' })
    driver.step({ kind: 'tell-high-watermark' })
    this.after(driver.replica?.role === 'leader' ? 50 : 20, () => this.#tick(driver))
  }

  #produce(driver: Driver, count: number): void {
    const values = Array.from({ length: count }, () => (this.#values += 1))
    const refusal = driver.produce(values)
    if (refusal !== null) this.#lines.push(`${driver.id} refuses: ${refusal}`)
  }

  #run(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.schedule.step(endMs));
  }

  #describe(): void {
    const { partition, elr } = this.#theController
    const leader = partition.leader === -1 ? 'nobody' : String(partition.leader)
    const eligible = elr.length === 0 ? '' : `, eligible ${elr.join(' ')}`
    this.#lines.push(
      `controller: leader ${leader}, ISR ${partition.isr.join(' ')}${eligible}, at ${partition.leaderEpoch}.${partition.partitionEpoch}`,
    )
    for (const { id, replica, disk } of this.#drivers.values()) {
      const log = disk.entries.map(({ epoch }, index) => `${disk.startOffset + index}@${epoch}`).join(' ')
      const maximal = replica?.maximalIsr ?? null
      const isr = maximal === null ? '' : ` isr ${replica!.isr.join(' ')} maximal ${maximal.join(' ')}`
      const what =
        replica === null ? 'down' : `${replica.role} epoch ${replica.leaderEpoch} hw ${replica.highWatermark}`
      this.#lines.push(`${id} ${what}${isr} log ${log}`.trimEnd())
    }
  }

  // World

  after(delayMs: number, run: () => void): void {
    this.schedule.after(delayMs, run)
  }

  write(id: NodeId, done: () => void): void {
    const held = this.#heldWrites.get(id)
    if (held === undefined) this.after(1, done)
    else held.push(done)
  }

  carryFetch(fetch: FollowerFetch, leaderId: NodeId): void {
    this.#carry(fetch.replicaId, leaderId, (driver) => driver.step({ kind: 'fetch', fetch }))
  }

  carryReply(from: NodeId, to: NodeId, fetchId: number, answer: FetchAnswer): void {
    this.#carry(from, to, (driver) => driver.step({ kind: 'fetch-answer', fetchId, answer }))
  }

  carryAlterPartition(
    request: AlterPartition,
    answer: (event: ReplicationEvent) => void,
    requestId: number,
  ): void {
    const { brokerId } = request
    let isAnswered = false
    const once = (event: ReplicationEvent): void => {
      if (!isAnswered) answer(event)
      isAnswered = true
    }
    const kind = 'alter-partition-answer'
    this.after(100, () => once({ kind, requestId, answer: null }))
    if (this.#loseRequests.has(brokerId)) return
    const deliver = (): void => {
      const result = this.#theController.alterPartition(request)
      this.#record(`controller to ${brokerId}: ${result.error}`)
      if (!this.#loseAnswers.has(brokerId)) this.after(1, () => once({ kind, requestId, answer: result }))
    }
    const held = this.#holdsRequests.has(brokerId) ? this.#heldRequests.get(brokerId) : undefined
    if (held === undefined) this.after(1, deliver)
    else held.push(deliver)
  }

  reportIncomplete(id: NodeId, leaderEpoch: number): void {
    this.after(1, () => {
      if (this.#theController.partition.leaderEpoch === leaderEpoch) this.#theController.onIncomplete(id)
    })
  }

  observe(driver: Driver, effect: ReplicationEffect): void {
    const text = describeEffect(effect)
    if (text !== null) this.#record(`${driver.id}: ${text}`)
  }

  stepped(): void {
    // What a scenario must see, it records.
  }

  #carry(from: NodeId, to: NodeId, deliver: (driver: Driver) => void): void {
    if (this.#cuts.has(`${from}>${to}`)) return
    this.after(1, () => deliver(this.#driver(to)))
  }

  #onMetadataChange(): void {
    for (const id of this.#drivers.keys()) this.after(1, () => this.#learn(id))
  }

  /** All that is new, as one change. */
  #learn(id: NodeId): void {
    const target = this.#theController.versions.length - 1
    if (this.#heldMetadata.has(id) || (this.#applied.get(id) ?? target) >= target) return
    this.#applied.set(id, target)
    this.#driver(id).learn(this.#theController.versions[target]!)
  }

  #record(text: string): void {
    if (this.#isLoud) this.#lines.push(`${String(Math.round(this.nowMs)).padStart(6)} ${text}`)
  }
}
