/** Reading and changing the configs of topics and brokers. */
import { nodeId } from '@millrace/base'
import type { Endpoint } from '@millrace/base'
import type { ResponseOf } from '@millrace/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { ConfigError } from '../errors.ts'
import type { CallScope } from '../retry/call-scope.ts'
import { outcomeOf, settle } from '../cluster/settle.ts'
import type { Outcome } from '../cluster/settle.ts'

/** Whose configs: `{ type: 'topic', name: 'flights' }` or `{ type: 'broker', name: '1' }`. */
export interface ConfigResource {
  readonly type: 'topic' | 'broker'
  /** Of a broker: its node id; empty for what all brokers share. */
  readonly name: string
}

export interface ConfigEntry {
  readonly name: string
  /** Null when sensitive. */
  readonly value: string | null
  readonly source: ConfigSource
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
  readonly type: ConfigType
  readonly documentation: string | null
}

export interface ConfigDescription extends ConfigResource {
  readonly configs: readonly ConfigEntry[]
}

/** Where a value comes from; Kafka's names of DescribeConfigs' numbers. */
export type ConfigSource = (typeof CONFIG_SOURCES)[number]
/** Kafka's names of DescribeConfigs' numbers. */
export type ConfigType = (typeof CONFIG_TYPES)[number]

export interface ConfigAlteration extends ConfigResource {
  /** New value by config name. */
  readonly set?: Readonly<Record<string, string>> | undefined
  /** Configs that return to their default. */
  readonly remove?: readonly string[] | undefined
  /** Elements added to list-valued configs. */
  readonly append?: Readonly<Record<string, string>> | undefined
  /** Elements taken from list-valued configs. */
  readonly subtract?: Readonly<Record<string, string>> | undefined
}

const RESOURCE_TYPE = { topic: 2, broker: 4 } as const
const OPERATION = { set: 0, remove: 1, append: 2, subtract: 3 } as const

const CONFIG_SOURCES = [
  'unknown',
  'dynamic-topic',
  'dynamic-broker',
  'dynamic-default-broker',
  'static-broker',
  'default',
  'dynamic-broker-logger',
] as const

const CONFIG_TYPES = [
  'unknown',
  'boolean',
  'string',
  'int',
  'short',
  'long',
  'double',
  'list',
  'class',
  'password',
] as const

export async function describeConfigs(
  cluster: Cluster,
  resources: readonly ConfigResource[],
  names: readonly string[] | null,
  scope: CallScope,
): Promise<ConfigDescription[]> {
  const byKey = new Map(resources.map((resource) => [resourceKey(resource), resource]))
  return await settle(
    cluster,
    { what: 'describe configs', keys: [...byKey.keys()] },
    scope,
    async (pending, signal) => {
      const outcomes = new Map<string, Outcome<ConfigDescription>>()
      for (const [target, group] of byTarget(pending.map((key) => byKey.get(key)!))) {
        const request = {
          resources: group.map(({ type, name }) => ({
            resourceType: RESOURCE_TYPE[type],
            resourceName: name,
            configurationKeys: names === null ? null : [...names],
          })),
          includeSynonyms: false,
          includeDocumentation: true,
        }
        const { results } =
          target === null
            ? await cluster.requestAny('DescribeConfigs', request, { signal })
            : await cluster.request(await broker(cluster, target), 'DescribeConfigs', request, { signal })
        for (const result of results) {
          const resource = resourceOf(result)
          const what = `describe configs of ${resourceKey(resource)}`
          outcomes.set(
            resourceKey(resource),
            outcomeOf(result.errorCode, what, result.errorMessage, () => description(resource, result)),
          )
        }
      }
      return outcomes
    },
  )
}

export async function alterConfigs(
  cluster: Cluster,
  alterations: readonly ConfigAlteration[],
  validateOnly: boolean,
  scope: CallScope,
): Promise<void> {
  const byKey = new Map(alterations.map((alteration) => [resourceKey(alteration), alteration]))
  await settle(
    cluster,
    { what: 'alter configs', keys: [...byKey.keys()] },
    scope,
    async (pending, signal) => {
      const request = {
        resources: pending.map((key) => alterRequest(byKey.get(key)!)),
        validateOnly,
      }
      const { responses } = await cluster.requestController('IncrementalAlterConfigs', request, signal)
      return new Map(
        responses.map((response) => {
          const key = resourceKey(resourceOf(response))
          return [
            key,
            outcomeOf(response.errorCode, `alter configs of ${key}`, response.errorMessage, () => true),
          ]
        }),
      )
    },
  )
}

function alterRequest({ type, name, set = {}, remove = [], append = {}, subtract = {} }: ConfigAlteration) {
  const operations = (values: Readonly<Record<string, string>>, configOperation: number) =>
    Object.entries(values).map(([key, value]) => ({ name: key, configOperation, value }))
  return {
    resourceType: RESOURCE_TYPE[type],
    resourceName: name,
    configs: [
      ...operations(set, OPERATION.set),
      ...remove.map((key) => ({ name: key, configOperation: OPERATION.remove, value: null })),
      ...operations(append, OPERATION.append),
      ...operations(subtract, OPERATION.subtract),
    ],
  }
}

async function broker(cluster: Cluster, id: number): Promise<Endpoint> {
  if (cluster.metadata.broker(nodeId(id)) === undefined) await cluster.refresh()
  const found = cluster.metadata.broker(nodeId(id))
  if (found !== undefined) return found
  const known = cluster.metadata.brokers.map((candidate) => candidate.nodeId).join(', ')
  throw new ConfigError(`there is no broker ${id}; the cluster has ${known}`)
}

/** A broker answers for its own configs only; for topics any broker does. */
function byTarget(resources: readonly ConfigResource[]): Map<number | null, ConfigResource[]> {
  const targets = new Map<number | null, ConfigResource[]>()
  for (const resource of resources) {
    const target = resource.type === 'broker' && resource.name !== '' ? Number(resource.name) : null
    const group = targets.get(target)
    if (group === undefined) targets.set(target, [resource])
    else group.push(resource)
  }
  return targets
}

type DescribeConfigsResult = ResponseOf<'DescribeConfigs'>['results'][number]

function description(resource: ConfigResource, { configs }: DescribeConfigsResult): ConfigDescription {
  return {
    ...resource,
    configs: configs.map(
      ({ name, value, readOnly, isSensitive, configSource, configType, documentation }) => ({
        name,
        value,
        source: CONFIG_SOURCES[configSource] ?? 'unknown',
        isReadOnly: readOnly,
        isSensitive,
        type: CONFIG_TYPES[configType] ?? 'unknown',
        documentation,
      }),
    ),
  }
}

function resourceOf(answer: {
  readonly resourceType: number
  readonly resourceName: string
}): ConfigResource {
  return {
    type: answer.resourceType === RESOURCE_TYPE.broker ? 'broker' : 'topic',
    name: answer.resourceName,
  }
}

function resourceKey({ type, name }: ConfigResource): string {
  return `${type} ${name}`
}
