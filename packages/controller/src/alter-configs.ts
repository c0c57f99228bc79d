/**
 * IncrementalAlterConfigs: single keys of topics and brokers (KIP-339). A resource is changed as a whole or not at all;
 * what it would have afterwards must be valid together.
 */
import {
  ALL_BROKERS,
  brokerConfigSources,
  type ConfigEntries,
  ConfigResourceType,
  type ConfigTable,
  effectiveBrokerConfig,
  effectiveTopicConfig,
  invalidTopicConfig,
  invalidTopicName,
  type MetadataRecord,
  topicConfigTable,
} from '@millrace/metadata'
import { type NodeId } from '@millrace/base'
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { tooLongValue, tooMuchConfig } from './config-limits.ts'
import { changesForConfig } from './config-consequences.ts'
import { type Decision, type DecisionContext, isRefusal, type Refusal, refusal } from './decision.ts'

type Request = RequestOf<'IncrementalAlterConfigs'>
type Resource = Request['resources'][number]
type Change = Resource['configs'][number]
type Response = ResponseInputOf<'IncrementalAlterConfigs'>
type Result = Response['responses'][number]

/** Numbers of the protocol. */
const Operation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const

/** What a resource has now, and which keys it may have. */
interface Target {
  readonly keys: ConfigTable
  readonly entries: ConfigEntries
  /** The elements of a list key that hold now, wherever they come from. */
  currentList(name: string): readonly string[]
  /** Why it can't have this configuration. */
  invalid(entries: ConfigEntries): string | null
}

/**
 * Errors per resource: INVALID_REQUEST (named twice, of an unknown type, an unknown operation, a key that needs a
 * restart, too long a value), UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, BROKER_ID_NOT_REGISTERED,
 * INVALID_CONFIG; for all POLICY_VIOLATION when the request sets too much at once.
 */
export function handleIncrementalAlterConfigs(
  request: Request,
  context: DecisionContext,
): Decision<Response> {
  const records: MetadataRecord[] = []
  const times = new Map<string, number>()
  const tooMuch = tooMuchConfig(request.resources)
  for (const resource of request.resources)
    times.set(identity(resource), (times.get(identity(resource)) ?? 0) + 1)
  const responses = request.resources.map((resource): Result => {
    const { resourceType, resourceName } = resource
    const duplicate =
      times.get(identity(resource))! > 1
        ? refusal(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.')
        : null
    const changed = tooMuch ?? duplicate ?? changedEntries(resource, context)
    if (isRefusal(changed)) return { resourceType, resourceName, ...changed }
    if (!request.validateOnly) records.push(...changed.records)
    return { resourceType, resourceName, errorCode: ErrorCode.NONE, errorMessage: null }
  })
  const { records: follow, uncleanElections } = changesForConfig(records, context)
  return { records: [...records, ...follow], response: { responses }, uncleanElections }
}

function identity({ resourceType, resourceName }: Resource): string {
  return `${resourceType}:${resourceName}`
}

function changedEntries(
  resource: Resource,
  context: DecisionContext,
): { records: MetadataRecord[] } | Refusal {
  const target = findTarget(resource, context)
  if (isRefusal(target)) return target
  const entries = new Map(target.entries)
  const changed = new Set<string>()
  for (const change of resource.configs) {
    if (changed.has(change.name)) {
      return refusal(ErrorCode.INVALID_REQUEST, `Error due to duplicate config keys: ${change.name}`)
    }
    changed.add(change.name)
    const problem =
      applyChange(change, target, entries) ?? tooLongValue(change.name, entries.get(change.name) ?? '')
    if (problem !== null) return problem
  }
  const invalid = target.invalid(entries)
  if (invalid !== null) return refusal(ErrorCode.INVALID_CONFIG, invalid)
  return { records: [...changed].flatMap((name) => changeRecord(resource, name, target.entries, entries)) }
}

function changeRecord(
  { resourceType, resourceName }: Resource,
  name: string,
  before: ConfigEntries,
  after: ConfigEntries,
): MetadataRecord[] {
  const value = after.get(name) ?? null
  if (value === (before.get(name) ?? null)) return []
  return [metadataRecord('ConfigRecord', { resourceType, resourceName, name, value })]
}

function applyChange(change: Change, target: Target, entries: Map<string, string>): Refusal | null {
  const { name, configOperation: operation, value } = change
  const key = target.keys.key(name)
  if (operation === Operation.DELETE) {
    // Also of a key that an older version knew: it must be possible to get rid of it.
    if (key === undefined && !entries.has(name)) return unknownKey(name, target)
    entries.delete(name)
    return null
  }
  if (key === undefined) return unknownKey(name, target)
  if (value === null) return refusal(ErrorCode.INVALID_REQUEST, `Null value not supported for: ${name}`)
  switch (operation) {
    case Operation.SET:
      entries.set(name, value)
      return null
    case Operation.APPEND:
    case Operation.SUBTRACT: {
      if (key.type !== 'list') {
        const word = operation === Operation.APPEND ? 'APPEND to' : 'SUBTRACT from'
        return refusal(ErrorCode.INVALID_CONFIG, `Can't ${word} key ${name} because its type is not LIST.`)
      }
      entries.set(name, changedList(target.currentList(name), elements(value), operation).join(','))
      return null
    }
    default:
      return refusal(ErrorCode.INVALID_REQUEST, `Unknown operation ${operation} for configuration ${name}`)
  }
}

function changedList(current: readonly string[], given: readonly string[], operation: number): string[] {
  return operation === Operation.APPEND
    ? [...new Set([...current, ...given])]
    : current.filter((element) => !given.includes(element))
}

function unknownKey(name: string, target: Target): Refusal {
  return refusal(ErrorCode.INVALID_CONFIG, `Unknown configuration ${name}.${target.keys.suggestion(name)}`)
}

function findTarget(resource: Resource, context: DecisionContext): Target | Refusal {
  switch (resource.resourceType) {
    case ConfigResourceType.TOPIC:
      return findTopic(resource.resourceName, context)
    case ConfigResourceType.BROKER:
      return findBroker(resource, context)
    default:
      return refusal(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resource.resourceType}`)
  }
}

function findTopic(topic: string, { image, config }: DecisionContext): Target | Refusal {
  const invalidName = invalidTopicName(topic)
  if (invalidName !== null) {
    return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${invalidName}`)
  }
  if (image.topics.byName(topic) === undefined) {
    return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${topic}' does not exist.`)
  }
  const entries = image.configs.forTopic(topic)
  const sources = brokerConfigSources(image, config.nodeId, config.staticEntries)
  return {
    keys: topicConfigTable,
    entries,
    currentList(name) {
      const key = topicConfigTable.key(name)!
      return elements(effectiveTopicConfig(name, key, entries, sources).value)
    },
    invalid: invalidTopicConfig,
  }
}

function findBroker(
  { resourceName, configs }: Resource,
  { image, config }: DecisionContext,
): Target | Refusal {
  if (resourceName !== ALL_BROKERS) {
    if (!/^\d+$/.test(resourceName)) {
      return refusal(ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${resourceName}`)
    }
    if (!image.brokers.has(Number(resourceName) as NodeId)) {
      return refusal(ErrorCode.BROKER_ID_NOT_REGISTERED, `No broker with id ${resourceName} found.`)
    }
  }
  const fixed = configs.find(({ name }) => config.brokerKeys.key(name)?.update === 'restart')
  if (fixed !== undefined) {
    return refusal(
      ErrorCode.INVALID_REQUEST,
      `${fixed.name} can't be changed while a broker runs: set it where the broker is started, and restart it.`,
    )
  }
  const entries = image.configs.forResource(ConfigResourceType.BROKER, resourceName)
  const sources = { ...brokerConfigSources(image, config.nodeId, config.staticEntries), broker: entries }
  return {
    keys: config.brokerKeys,
    entries,
    currentList(name) {
      const key = config.brokerKeys.key(name)!
      return elements(effectiveBrokerConfig(name, key, sources).value)
    },
    invalid(changed) {
      for (const [name, text] of changed) {
        const problem = config.brokerKeys.invalidEntry(name, text)
        if (problem !== null) return problem
      }
      return null
    },
  }
}

function elements(list: string | null): string[] {
  return (list ?? '')
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '')
}
