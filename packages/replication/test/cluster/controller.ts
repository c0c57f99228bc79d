/**
 * The controller as the replicas' counterpart: one partition, registrations, fencing, elections inside the ISR and then
 * among the eligible leader replicas (KIP-966), AlterPartition (KIP-497, KIP-841, KIP-903). It never fails; what it says
 * arrives late.
 */
import { leaderEpoch, NO_NODE, type NodeId } from '@millrace/base'
import type { AlterPartitionAnswer, IsrMember, PartitionState } from '../../src/index.ts'

interface Registration {
  readonly epoch: number
  readonly isFenced: boolean
  readonly isStopping: boolean
}

/** The metadata at one offset of its log. */
export interface Version {
  readonly partition: PartitionState
  readonly elr: readonly NodeId[]
  readonly brokers: ReadonlyMap<NodeId, Registration>
}

export interface AlterPartition {
  readonly brokerId: NodeId
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly newIsr: readonly IsrMember[]
  readonly leaderRecoveryState: number
}

export interface ControllerOptions {
  readonly replicas: readonly NodeId[]
  readonly minInsyncReplicas: number
  /** Whether a power cut may cost what a broker has acknowledged. */
  readonly isLossy: boolean
  readonly onChange: () => void
}

export class Controller {
  readonly versions: Version[] = []
  readonly #options: ControllerOptions
  #brokers = new Map<NodeId, Registration>()
  #partition: PartitionState
  #elr: readonly NodeId[] = []
  #epochs = 0

  constructor(options: ControllerOptions) {
    this.#options = options
    this.#partition = {
      replicas: options.replicas,
      isr: options.replicas,
      leader: NO_NODE,
      leaderEpoch: leaderEpoch(0),
      partitionEpoch: 0,
      leaderRecoveryState: 0,
    }
    this.versions.push({ partition: this.#partition, elr: [], brokers: this.#brokers })
  }

  get partition(): PartitionState {
    return this.#partition
  }

  get elr(): readonly NodeId[] {
    return this.#elr
  }

  get minIsr(): number {
    return Math.min(this.#options.minInsyncReplicas, this.#partition.replicas.length)
  }

  broker(id: NodeId): Registration | undefined {
    return this.#brokers.get(id)
  }

  /** @returns the new process's broker epoch */
  register(id: NodeId, isClean: boolean): number {
    const isKnown = this.#brokers.has(id)
    this.#epochs += 1
    this.#setBroker(id, { epoch: this.#epochs, isFenced: true, isStopping: false })
    if (isKnown) this.#leave(id)
    if (this.#options.isLossy && !isClean) this.#distrust(id)
    this.#electIfNeeded()
    this.#publish()
    return this.#epochs
  }

  setFenced(id: NodeId, isFenced: boolean): void {
    const known = this.#brokers.get(id)
    if (known === undefined || known.isFenced === isFenced) return
    this.#setBroker(id, { ...known, isFenced })
    if (isFenced) this.#leave(id)
    this.#electIfNeeded()
    this.#publish()
  }

  /** Its log is damaged, or lacks what is committed: it neither leads nor is in sync. */
  onIncomplete(id: NodeId): void {
    this.#leave(id)
    this.#distrust(id)
    this.#electIfNeeded()
    this.#publish()
  }

  /** Controlled shutdown: another leads, and it may not join an ISR any more. */
  beginShutdown(id: NodeId): void {
    const known = this.#brokers.get(id)
    if (known === undefined || known.isStopping) return
    this.#setBroker(id, { ...known, isStopping: true })
    if (this.#partition.isr.some((other) => other !== id && this.#isLive(other))) this.#leave(id)
    this.#electIfNeeded()
    this.#publish()
  }

  /** Another in-sync replica leads. */
  elect(id: NodeId): void {
    if (!this.#partition.isr.includes(id) || !this.#isLive(id)) return
    this.#change({ leader: id, leaderEpoch: this.#nextLeaderEpoch() })
    this.#publish()
  }

  /** An operator lets a replica lead that may lack what is committed. */
  electUnclean(id: NodeId): void {
    this.#elr = []
    this.#change({ isr: [id], leader: id, leaderEpoch: this.#nextLeaderEpoch(), leaderRecoveryState: 1 })
    this.#publish()
  }

  /** Takes a replica away and gives it back, in one batch or with the middle published. */
  reassign(id: NodeId, isOneBatch: boolean): boolean {
    const { replicas, isr, leader } = this.#partition
    const others = isr.filter((other) => other !== id)
    const isSafe = leader !== NO_NODE && leader !== id && others.length >= this.#options.minInsyncReplicas
    if (!replicas.includes(id) || !isSafe) return false
    // KIP-966 and KAFKA-14094: late fetches of the replica that goes must not count.
    const fenced = { isr: others, leaderEpoch: this.#nextLeaderEpoch() }
    this.#change({ replicas: replicas.filter((other) => other !== id), ...fenced })
    if (!isOneBatch) this.#publish()
    this.#change({ replicas })
    this.#publish()
    return true
  }

  alterPartition(request: AlterPartition): AlterPartitionAnswer {
    const { partition } = this
    if (request.leaderEpoch < partition.leaderEpoch) return { error: 'FENCED_LEADER_EPOCH' }
    if (request.brokerId !== partition.leader) return { error: 'FENCED_LEADER_EPOCH' }
    if (request.partitionEpoch !== partition.partitionEpoch) return { error: 'INVALID_UPDATE_VERSION' }
    const isIneligible = request.newIsr.some(({ id, brokerEpoch }) => {
      const known = this.#brokers.get(id)
      if (partition.isr.includes(id)) return false
      return !this.#isLive(id) || known?.epoch !== brokerEpoch || !partition.replicas.includes(id)
    })
    if (isIneligible) return { error: 'INELIGIBLE_REPLICA' }
    const { leaderRecoveryState } = request
    this.#change({ isr: request.newIsr.map(({ id }) => id), leaderRecoveryState })
    this.#publish()
    const { isr, partitionEpoch, leaderEpoch: epoch } = this.#partition
    return { error: 'NONE', leaderEpoch: epoch, partitionEpoch, isr, leaderRecoveryState }
  }

  #isLive(id: NodeId): boolean {
    const known = this.#brokers.get(id)
    return known !== undefined && !known.isFenced && !known.isStopping
  }

  #setBroker(id: NodeId, registration: Registration): void {
    this.#brokers = new Map(this.#brokers).set(id, registration)
  }

  #nextLeaderEpoch(): PartitionState['leaderEpoch'] {
    return leaderEpoch(this.#partition.leaderEpoch + 1)
  }

  /** The last member stays: it may be the only one that has everything. */
  #leave(id: NodeId): void {
    const { isr, leader } = this.#partition
    const others = isr.filter((other) => other !== id)
    const isMember = others.length < isr.length
    if (leader === id) this.#change({ leader: NO_NODE, leaderEpoch: this.#nextLeaderEpoch() })
    if (isMember && others.length > 0) this.#change({ isr: others })
  }

  /** A process that lost what it acknowledged is neither in sync nor eligible, while another is. */
  #distrust(id: NodeId): void {
    this.#elr = this.#elr.filter((other) => other !== id)
    if (this.#partition.isr.includes(id) && this.#elr.length > 0) {
      this.#partition = { ...this.#partition, isr: [], partitionEpoch: this.#partition.partitionEpoch + 1 }
    }
  }

  #electIfNeeded(): void {
    const { leader, replicas, isr } = this.#partition
    if (leader !== NO_NODE) return
    const inSync = replicas.find((id) => isr.includes(id) && this.#isLive(id))
    if (inSync !== undefined) {
      this.#change({ leader: inSync, leaderEpoch: this.#nextLeaderEpoch() })
      return
    }
    const eligible = replicas.find((id) => this.#elr.includes(id) && this.#isLive(id))
    if (eligible === undefined) return
    this.#change({ isr: [eligible], leader: eligible, leaderEpoch: this.#nextLeaderEpoch() })
  }

  #change(changes: Partial<PartitionState>): void {
    const before = this.#partition
    const isr = changes.isr ?? before.isr
    this.#partition = { ...before, ...changes, partitionEpoch: before.partitionEpoch + 1 }
    const left = before.isr.filter((id) => this.#partition.replicas.includes(id))
    const candidates = new Set([...this.#elr, ...left])
    this.#elr = isr.length >= this.minIsr ? [] : [...candidates].filter((id) => !isr.includes(id))
  }

  #publish(): void {
    this.versions.push({ partition: this.#partition, elr: this.#elr, brokers: this.#brokers })
    this.#options.onChange()
  }
}
