/**
 * The answer to DescribeConfigs, from an image and this broker's own configuration: any broker can give it without
 * asking the controller.
 */
import type { NodeId } from '@millrace/base'
import { ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { ALL_BROKERS, type ConfigEntries, ConfigResourceType } from '../image/configs-image.ts'
import type { MetadataImage } from '../image/metadata-image.ts'
import { invalidTopicName } from '../topic-name.ts'
import type { ConfigType } from './config-key.ts'
import type { ConfigTable } from './config-table.ts'
import {
  brokerConfigSources,
  ConfigSource,
  type EffectiveConfig,
  effectiveBrokerConfig,
  effectiveTopicConfig,
} from './effective-config.ts'
import { topicConfigTable } from './topic-config-keys.ts'

export interface DescribingBroker {
  readonly id: NodeId
  /** Every key that a broker has. */
  readonly keys: ConfigTable
  /** From its file, flags and environment: only what was set there. */
  readonly staticEntries: ConfigEntries
}

type Request = RequestOf<'DescribeConfigs'>
type Resource = Request['resources'][number]
type Result = ResponseInputOf<'DescribeConfigs'>['results'][number]

/** Type numbers of DescribeConfigs. Kafka knows enums as strings. */
const TYPE_NUMBER: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  enum: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
  password: 9,
}

export function describeConfigs(
  request: Request,
  image: MetadataImage,
  broker: DescribingBroker,
): ResponseInputOf<'DescribeConfigs'> {
  return { results: request.resources.map((resource) => describeResource(resource, request, image, broker)) }
}

function describeResource(
  resource: Resource,
  request: Request,
  image: MetadataImage,
  broker: DescribingBroker,
): Result {
  switch (resource.resourceType) {
    case ConfigResourceType.TOPIC:
      return describeTopic(resource, request, image, broker)
    case ConfigResourceType.BROKER:
      return describeBroker(resource, request, image, broker)
    default:
      return refused(
        resource,
        ErrorCode.INVALID_REQUEST,
        `Unsupported resource type: ${resource.resourceType}`,
      )
  }
}

function describeTopic(
  resource: Resource,
  request: Request,
  image: MetadataImage,
  broker: DescribingBroker,
): Result {
  const { resourceName: topic } = resource
  const invalid = invalidTopicName(topic)
  if (invalid !== null)
    return refused(resource, ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${invalid}`)
  if (image.topics.byName(topic) === undefined) {
    return refused(resource, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${topic}' does not exist.`)
  }
  const own = image.configs.forTopic(topic)
  const sources = brokerConfigSources(image, broker.id, broker.staticEntries)
  const configs = requestedKeys(resource, topicConfigTable).map(([name, key]) =>
    configEntry(effectiveTopicConfig(name, key, own, sources), false, request),
  )
  return { ...described(resource), configs }
}

function describeBroker(
  resource: Resource,
  request: Request,
  image: MetadataImage,
  broker: DescribingBroker,
): Result {
  const { resourceName: name } = resource
  if (name === ALL_BROKERS) return describeAllBrokers(resource, request, image, broker)
  if (!/^\d+$/.test(name)) {
    return refused(resource, ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${name}`)
  }
  if (Number(name) !== broker.id) {
    const message = `Unexpected broker id, expected ${broker.id} or empty string, but received ${name}`
    return refused(resource, ErrorCode.INVALID_REQUEST, message)
  }
  const sources = brokerConfigSources(image, broker.id, broker.staticEntries)
  const configs = requestedKeys(resource, broker.keys).map(([name, key]) =>
    configEntry(effectiveBrokerConfig(name, key, sources), key.update !== 'dynamic', request),
  )
  return { ...described(resource), configs }
}

/** Only what was set for all brokers: their files may differ. */
function describeAllBrokers(
  resource: Resource,
  request: Request,
  image: MetadataImage,
  broker: DescribingBroker,
): Result {
  const entries = image.configs.forAllBrokers()
  const configs = requestedKeys(resource, broker.keys).flatMap(([name, key]) => {
    const value = entries.get(name)
    if (value === undefined) return []
    const source = ConfigSource.DYNAMIC_DEFAULT_BROKER
    return [configEntry({ name, key, value, source, synonyms: [{ name, value, source }] }, false, request)]
  })
  return { ...described(resource), configs }
}

/** Names that do not exist are left out of the answer, as Kafka does. */
function requestedKeys(resource: Resource, table: ConfigTable): [string, EffectiveConfig['key']][] {
  const { configurationKeys: names } = resource
  const entries = [...table.entries()]
  return names === null ? entries : entries.filter(([name]) => names.includes(name))
}

function configEntry(
  config: EffectiveConfig,
  readOnly: boolean,
  request: Request,
): Result['configs'][number] {
  const isSensitive = config.key.type === 'password'
  const shown = (value: string | null) => (isSensitive ? null : value)
  return {
    name: config.name,
    value: shown(config.value),
    readOnly,
    configSource: config.source,
    isSensitive,
    synonyms: request.includeSynonyms
      ? config.synonyms.map(({ name, value, source }) => ({ name, value: shown(value), source }))
      : [],
    configType: TYPE_NUMBER[config.key.type],
    documentation: request.includeDocumentation ? config.key.text : null,
  }
}

function described({ resourceType, resourceName }: Resource): Omit<Result, 'configs'> {
  return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName }
}

function refused({ resourceType, resourceName }: Resource, errorCode: number, errorMessage: string): Result {
  return { errorCode, errorMessage, resourceType, resourceName, configs: [] }
}
