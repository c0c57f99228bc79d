/**
 * The controller of this node: while the node leads the quorum it takes requests, has the controller decide on the newest
 * image, appends the records, and answers once they are committed and, where clients would look for them, known to every
 * live broker. While it does not, it says so at once.
 *
 * Owns: the randomness of decisions, the sessions of brokers. Must not know: who asks, where the metadata log lies.
 * Invariants: between reading the newest image and appending what was decided on it nothing else runs, so decisions are
 * made one after another while their records are flushed together. NOT_CONTROLLER is answered only where nothing was
 * appended; where that became unknown the answer is REQUEST_TIMED_OUT.
 */
import { assert, DiskError, type Env, type NodeId, type Offset, randomUuid, type Rng } from '@millrace/base'
import type { ControllerApi, ControllerChannel, ControllerRequestContext } from '@millrace/broker'
import {
  balanceLeaders,
  type BrokerProcess,
  type ControllerConfig,
  controllerHandlers,
  type DecidedApi,
  type DecidedChanges,
  type Decision,
  type DecisionContext,
  fenceBroker,
  firstRecords,
  refuseAll,
  topicIdsNeeded,
} from '@millrace/controller'
import { MetadataLogError, type MetadataQuorum, NotControllerError } from '@millrace/metadata-log'
import type { RequestContext } from '@millrace/net'
import {
  type ApiName,
  ErrorCode,
  type Handler,
  LateAnswer,
  NO_RESPONSE,
  type NoResponse,
  type RequestOf,
  type ResponseInputOf,
} from '@millrace/protocol'
import { BrokerWatch } from './broker-watch.ts'
import { type LeaderBalanceConfig, LeaderBalancer } from './leader-balancer.ts'
import { localContext } from './local-context.ts'
import { PendingApplies } from './pending-applies.ts'

/** What this needs of the quorum. */
export type DecidingQuorum = Pick<
  MetadataQuorum,
  | 'append'
  | 'handlers'
  | 'image'
  | 'isActive'
  | 'latestImage'
  | 'leader'
  | 'onLeaderChange'
  | 'settled'
  | 'whenApplied'
>

export interface ActiveControllerOptions {
  readonly env: Pick<Env, 'clock' | 'timers' | 'rng' | 'entropy' | 'net' | 'log'>
  readonly nodeId: NodeId
  readonly quorum: DecidingQuorum
  readonly decisions: ControllerConfig
  /** `broker.session.timeout.ms` */
  readonly sessionTimeoutMs: number
  /** How long an answer waits for brokers to know, when the request says nothing. */
  readonly propagationTimeoutMs: number
  readonly leaderBalance: LeaderBalanceConfig
}

type Answer<N extends ControllerApi> = ResponseInputOf<N> | Promise<ResponseInputOf<N>>
type Handlers = {
  readonly [N in ControllerApi]: (request: RequestOf<N>, context: ControllerRequestContext) => Answer<N>
}
type TopicIds = DecisionContext['random']['topicIds']

const PLACEMENT_START_MAX = 2 ** 16
const NO_ACTIVE_EPOCH = -1
const NOT_ACTIVE = {
  errorCode: ErrorCode.NOT_CONTROLLER,
  errorMessage: 'This node is not the active controller.',
}
const OUTCOME_UNKNOWN = {
  errorCode: ErrorCode.REQUEST_TIMED_OUT,
  errorMessage:
    'Another controller took over before the change was committed: whether it is made is not known yet.',
}

export class ActiveController implements ControllerChannel {
  readonly #options: ActiveControllerOptions
  readonly #rng: Rng
  readonly #watch: BrokerWatch
  readonly #applies: PendingApplies
  readonly #balancer: LeaderBalancer
  readonly #handlers: Handlers
  /** Quorum epoch in which this node is active. */
  #activeEpoch = NO_ACTIVE_EPOCH
  #uncleanElections = 0
  #unsubscribe: () => void = () => {}

  constructor(options: ActiveControllerOptions) {
    const { env, nodeId, quorum, sessionTimeoutMs } = options
    this.#options = options
    this.#rng = env.rng.fork('controller')
    this.#applies = new PendingApplies(quorum, nodeId)
    this.#watch = new BrokerWatch({
      env,
      nodeId,
      sessionTimeoutMs,
      image: () => (this.#mayDecide ? quorum.latestImage : null),
      fence: (broker) => void this.#fence(broker),
    })
    this.#balancer = new LeaderBalancer(env, options.leaderBalance, (imbalance) => this.#balance(imbalance))
    this.#handlers = this.#makeHandlers()
  }

  start(): void {
    this.#unsubscribe = this.#options.quorum.onLeaderChange(() => this.#onLeaderChange())
    this.#onLeaderChange()
  }

  /** Ends all that waits in it; requests are refused from here on. */
  stop(): void {
    this.#unsubscribe()
    this.#resign()
  }

  /** How many elections this controller made, since its process started, that may have lost acknowledged records. */
  get uncleanElections(): number {
    return this.#uncleanElections
  }

  /** Requests of this process, and those of the controller listener that are decided here. */
  async request<N extends ControllerApi>(
    api: N,
    request: RequestOf<N>,
    context: ControllerRequestContext,
  ): Promise<ResponseInputOf<N>> {
    return await this.#handlers[api](request, context)
  }

  /** The connection by which this broker sent heartbeats was closed from its side. */
  onBrokerDisconnected(broker: NodeId): void {
    this.#watch.onDisconnected(broker)
  }

  /* ------------------------------------------------ becoming and ceasing to be active */

  #onLeaderChange(): void {
    const { isActive, leader } = this.#options.quorum
    if (!isActive) return this.#resign()
    if (leader.epoch === this.#activeEpoch) return
    this.#activeEpoch = leader.epoch
    this.#options.env.log.info({ epoch: leader.epoch }, 'this node is the active controller')
    this.#writeFirstRecords()
    this.#watch.start()
    this.#balancer.start()
  }

  #resign(): void {
    if (this.#activeEpoch === NO_ACTIVE_EPOCH) return
    this.#activeEpoch = NO_ACTIVE_EPOCH
    this.#watch.stop()
    this.#balancer.stop()
    this.#applies.releaseAll()
  }

  /** Before anything else in a new log: a reader must know at once whether it can read the rest. */
  #writeFirstRecords(): void {
    const { quorum, env, decisions } = this.#options
    if (quorum.latestImage.features.size > 0) return
    quorum.append(firstRecords(decisions)).catch((error: unknown) => {
      // The next active controller finds the log empty, and writes them.
      if (!isForeseen(error)) throw error
      env.log.warn({ reason: error.message }, 'the first records of the metadata log were not committed')
    })
  }

  /* ------------------------------------------------ requests */

  #makeHandlers(): Handlers {
    const { quorum, env } = this.#options
    const here = (context: ControllerRequestContext): RequestContext => localContext(context, env.clock)
    return {
      CreateTopics: (request) => this.#createTopics(request),
      DeleteTopics: (request) => this.#change('DeleteTopics', request, request.timeoutMs),
      CreatePartitions: (request) => this.#change('CreatePartitions', request, request.timeoutMs),
      IncrementalAlterConfigs: (request) => this.#change('IncrementalAlterConfigs', request),
      UnregisterBroker: (request) => this.#unregisterBroker(request),
      BrokerRegistration: (request) => this.#registerBroker(request),
      BrokerHeartbeat: (request) => this.#heartbeat(request),
      AlterPartition: (request) => this.#decide('AlterPartition', request),
      AllocateProducerIds: (request) => this.#decide('AllocateProducerIds', request),
      ElectLeaders: (request) => this.#change('ElectLeaders', request, request.timeoutMs),
      AlterPartitionReassignments: (request) =>
        this.#change('AlterPartitionReassignments', request, request.timeoutMs),
      ListPartitionReassignments: (request) => this.#decide('ListPartitionReassignments', request),
      DescribeQuorum: (request, context) =>
        answerOf<'DescribeQuorum'>(quorum.handlers.DescribeQuorum(request, here(context))),
      AddRaftVoter: (request, context) =>
        answerOf<'AddRaftVoter'>(quorum.handlers.AddRaftVoter(request, here(context))),
      RemoveRaftVoter: (request, context) =>
        answerOf<'RemoveRaftVoter'>(quorum.handlers.RemoveRaftVoter(request, here(context))),
    }
  }

  #createTopics(request: RequestOf<'CreateTopics'>): Answer<'CreateTopics'> {
    const { decisions, env } = this.#options
    const count = topicIdsNeeded(request, decisions)
    const topicIds = Array.from({ length: count }, () => randomUuid(env.entropy))
    return this.#change('CreateTopics', request, request.timeoutMs, topicIds)
  }

  /** Answered when every live broker knows, or the time is up: then the change is committed all the same. */
  #change<N extends DecidedApi>(
    api: N,
    request: RequestOf<N>,
    timeoutMs = this.#options.propagationTimeoutMs,
    topicIds: TopicIds = [],
  ): Answer<N> {
    if (!this.#mayDecide) return refuseAll[api](request, NOT_ACTIVE)
    return this.#commit(api, request, controllerHandlers[api](request, this.#context(topicIds)), timeoutMs)
  }

  #unregisterBroker(request: RequestOf<'UnregisterBroker'>): Answer<'UnregisterBroker'> {
    const answer = this.#change('UnregisterBroker', request)
    // Decided already, if anything was.
    if (this.#mayDecide && !this.#options.quorum.latestImage.brokers.has(request.brokerId)) {
      this.#watch.onUnregistered(request.brokerId)
      this.#applies.release(request.brokerId)
    }
    return answer
  }

  #registerBroker(request: RequestOf<'BrokerRegistration'>): Answer<'BrokerRegistration'> {
    if (!this.#mayDecide) return refuseAll.BrokerRegistration(request, NOT_ACTIVE)
    const decision = controllerHandlers.BrokerRegistration(request, this.#context())
    const { brokerEpoch = -1 } = decision.response
    const answer = this.#commit('BrokerRegistration', request, decision, null)
    // One that could not be stored leaves the session to the process before it, which may have to be fenced yet.
    const registered = this.#options.quorum.latestImage.brokers.get(request.brokerId)
    if (registered?.epoch === brokerEpoch) {
      this.#watch.onRegistered({ brokerId: request.brokerId, brokerEpoch })
      // What the process before it has not applied, it never will.
      if (decision.records.length > 0) this.#applies.release(request.brokerId)
    }
    return answer
  }

  #heartbeat(request: RequestOf<'BrokerHeartbeat'>): Answer<'BrokerHeartbeat'> {
    if (!this.#mayDecide) return refuseAll.BrokerHeartbeat(request, NOT_ACTIVE)
    const decision = controllerHandlers.BrokerHeartbeat(request, this.#context())
    const { records, response } = decision
    // A session must not end because other changes are slow to commit.
    const { lastOffset } = this.#options.quorum.latestImage.position
    const decidedOffset = records.length === 0 ? null : ((lastOffset + records.length) as Offset)
    const answer = records.length === 0 ? response : this.#commit('BrokerHeartbeat', request, decision, null)
    if ((response.errorCode ?? ErrorCode.NONE) !== ErrorCode.NONE) return answer
    this.#watch.onHeartbeat(request, decidedOffset)
    if (records.length > 0 && response.isFenced === true) this.#applies.release(request.brokerId)
    return answer
  }

  /** Nobody is waited for: whoever asks reads the answer, and others the metadata log. */
  #decide<N extends DecidedApi>(api: N, request: RequestOf<N>): Answer<N> {
    if (!this.#mayDecide) return refuseAll[api](request, NOT_ACTIVE)
    return this.#commit(api, request, controllerHandlers[api](request, this.#context()), null)
  }

  async #fence(broker: BrokerProcess): Promise<void> {
    const { quorum, env, decisions: config } = this.#options
    if (!this.#mayDecide) return
    const decision = fenceBroker(broker, { image: quorum.latestImage, config })
    if (!decision.response.fenced) return
    try {
      await this.#append(decision)
      this.#applies.release(broker.brokerId)
    } catch (error) {
      if (!isForeseen(error)) throw error
      const reason = error.message
      env.log.warn({ broker: broker.brokerId, reason }, 'a broker could not be fenced yet')
      // Else it is up to the next active controller.
      if (this.#mayDecide) this.#watch.onFencingFailed(broker)
    }
  }

  /** @returns whether there is more to do, soon */
  async #balance(imbalancePercentage: number): Promise<boolean> {
    const { quorum, env, decisions: config } = this.#options
    if (!this.#mayDecide) return false
    const decision = balanceLeaders({ image: quorum.latestImage, config }, imbalancePercentage)
    const { elections, isCutShort } = decision.response
    if (elections === 0) return false
    try {
      await this.#append(decision)
    } catch (error) {
      if (!isForeseen(error)) throw error
      env.log.warn({ reason: error.message }, 'preferred replicas could not be elected')
      return false
    }
    env.log.info({ partitions: elections }, 'preferred replicas lead again')
    return isCutShort
  }

  /* ------------------------------------------------ decisions */

  get #mayDecide(): boolean {
    const { isActive, leader } = this.#options.quorum
    return isActive && leader.epoch === this.#activeEpoch
  }

  #context(topicIds: TopicIds = []): DecisionContext {
    const { quorum, decisions } = this.#options
    return {
      image: quorum.latestImage,
      config: decisions,
      random: { topicIds, placementStart: this.#rng.below(PLACEMENT_START_MAX) },
      sessions: this.#watch.live,
    }
  }

  /**
   * To be called in the same turn as the decision was made.
   * @param propagationMs how long to wait for live brokers to know; null: not at all
   */
  async #commit<N extends DecidedApi>(
    api: N,
    request: RequestOf<N>,
    decision: Decision<ResponseInputOf<N>>,
    propagationMs: number | null,
  ): Promise<ResponseInputOf<N>> {
    const { quorum, env } = this.#options
    const { records, response } = decision
    try {
      // What the answer says ("already exists") may still be on its way to a majority.
      if (records.length === 0) await quorum.settled()
      else {
        const lastOffset = await this.#append(decision)
        if (propagationMs !== null) {
          await this.#applies.whenApplied(lastOffset, quorum.image.brokers, propagationMs)
        }
      }
      return response
    } catch (error) {
      if (error instanceof NotControllerError) {
        return refuseAll[api](request, records.length === 0 ? NOT_ACTIVE : OUTCOME_UNKNOWN)
      }
      if (!isForeseen(error)) throw error
      env.log.error({ api, error }, 'a metadata change could not be stored')
      return refuseAll[api](request, {
        errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
        errorMessage: error.message,
      })
    }
  }

  /** In the same turn as the decision. Resolves once it is committed. */
  async #append({ records, uncleanElections = [] }: DecidedChanges): Promise<Offset> {
    const lastOffset = await this.#options.quorum.append(records)
    this.#uncleanElections += uncleanElections.length
    for (const election of uncleanElections) {
      this.#options.env.log.error(election, 'unclean leader election: acknowledged records may be lost')
    }
    return lastOffset
  }
}

function isForeseen(error: unknown): error is Error {
  return (
    error instanceof NotControllerError || error instanceof DiskError || error instanceof MetadataLogError
  )
}

/** Of one of the quorum's own handlers, whenever it comes. */
async function answerOf<N extends ApiName>(
  given: ReturnType<Handler<N, RequestContext>>,
): Promise<ResponseInputOf<N>> {
  const answer =
    given instanceof LateAnswer
      ? await new Promise<ResponseInputOf<N> | NoResponse>((resolve) => given.whenGiven(resolve))
      : await given
  assert(answer !== NO_RESPONSE, 'the quorum answers whatever it is asked')
  return answer
}
