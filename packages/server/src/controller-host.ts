/**
 * The active controller of this process: takes requests, has the controller decide on the newest image, appends the
 * records, and answers once they are committed.
 *
 * Owns: nothing but the randomness that decisions need. Must not know: who asks, where the metadata log lies.
 * Invariant: between reading the newest image and appending what was decided on it nothing else runs, so decisions
 * are made one after another, while their records are flushed together.
 */
import { DiskError, type Entropy, type Log, randomUuid, type Rng, type Uuid } from '@millrace/base'
import type { ControllerApi, ControllerChannel, ControllerRequestContext } from '@millrace/broker'
import {
  type BrokerRegistered,
  type BrokerRegistration,
  type ControllerConfig,
  controllerHandlers,
  type DecidedApi,
  type Decision,
  firstRecords,
  handleRegisterBroker,
  refuseAll,
  topicIdsNeeded,
} from '@millrace/controller'
import { describeConfigs } from '@millrace/metadata'
import { type MetadataLog, MetadataLogError } from '@millrace/metadata-log'
import { ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'

export interface ControllerHostOptions {
  readonly metadataLog: MetadataLog
  readonly config: ControllerConfig
  readonly rng: Rng
  readonly entropy: Entropy
  readonly log: Log
}

type Handlers = {
  readonly [N in ControllerApi]: (request: RequestOf<N>) => Promise<ResponseInputOf<N>>
}

const PLACEMENT_START_MAX = 2 ** 16

export class ControllerHost implements ControllerChannel {
  readonly #metadataLog: MetadataLog
  readonly #config: ControllerConfig
  readonly #rng: Rng
  readonly #entropy: Entropy
  readonly #log: Log
  readonly #handlers: Handlers

  constructor(options: ControllerHostOptions) {
    this.#metadataLog = options.metadataLog
    this.#config = options.config
    this.#rng = options.rng.fork('controller')
    this.#entropy = options.entropy
    this.#log = options.log
    this.#handlers = {
      CreateTopics: (request) =>
        this.#decide('CreateTopics', request, this.#newTopicIds(topicIdsNeeded(request, this.#config))),
      DeleteTopics: (request) => this.#decide('DeleteTopics', request),
      CreatePartitions: (request) => this.#decide('CreatePartitions', request),
      IncrementalAlterConfigs: (request) => this.#decide('IncrementalAlterConfigs', request),
      DescribeConfigs: async (request) => this.#describeConfigs(request),
    }
  }

  /** Writes the first records of a new cluster. Call it once, before anything else. */
  async start(): Promise<void> {
    if (this.#metadataLog.latestImage.features.size === 0) await this.#metadataLog.append(firstRecords())
  }

  /** Registers a broker process; resolves once the cluster knows it. */
  registerBroker(registration: BrokerRegistration): Promise<BrokerRegistered> {
    return this.#commit(handleRegisterBroker(registration, this.#metadataLog.latestImage))
  }

  request<N extends ControllerApi>(
    api: N,
    request: RequestOf<N>,
    context: ControllerRequestContext,
  ): Promise<ResponseInputOf<N>> {
    this.#log.debug({ api, clientId: context.clientId }, 'controller request')
    return this.#handlers[api](request)
  }

  async #decide<N extends DecidedApi>(
    api: N,
    request: RequestOf<N>,
    topicIds: readonly Uuid[] = [],
  ): Promise<ResponseInputOf<N>> {
    const decision = controllerHandlers[api](request, {
      image: this.#metadataLog.latestImage,
      config: this.#config,
      random: { topicIds, placementStart: this.#rng.below(PLACEMENT_START_MAX) },
    })
    try {
      return await this.#commit(decision)
    } catch (error) {
      if (!(error instanceof DiskError || error instanceof MetadataLogError)) throw error
      this.#log.error({ api, error }, 'a metadata change could not be stored')
      return refuseAll[api](request, {
        errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
        errorMessage: error.message,
      })
    }
  }

  #describeConfigs(request: RequestOf<'DescribeConfigs'>): ResponseInputOf<'DescribeConfigs'> {
    const { nodeId: id, brokerKeys: keys, staticEntries } = this.#config
    return describeConfigs(request, this.#metadataLog.image, { id, keys, staticEntries })
  }

  #newTopicIds(count: number): Uuid[] {
    return Array.from({ length: count }, () => randomUuid(this.#entropy))
  }

  async #commit<Response>({ records, response }: Decision<Response>): Promise<Response> {
    if (records.length > 0) await this.#metadataLog.append(records)
    // What the answer says ("already exists") may still be on its way to the disk.
    else await this.#metadataLog.settled()
    return response
  }
}
