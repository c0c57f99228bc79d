/** All keys of the process in one table, by section, with the other names under which some may be written. */
import { ConfigTable, replicationThrottleKeys, topicDefaultKeys } from '@millrace/metadata'
import { membershipKeys, quorumKeys } from './quorum-keys.ts'
import {
  housekeepingKeys,
  identityKeys,
  loggingKeys,
  networkKeys,
  resourceKeys,
  topicCreationKeys,
} from './server-keys.ts'

const serverKeys = {
  ...identityKeys,
  ...quorumKeys,
  ...membershipKeys,
  ...networkKeys,
  ...topicCreationKeys,
  ...housekeepingKeys,
  ...replicationThrottleKeys,
  ...resourceKeys,
  ...loggingKeys,
}
export type ServerKeys = typeof serverKeys

export const configTable = new ConfigTable({ ...topicDefaultKeys, ...serverKeys })

interface ConfigSection {
  readonly title: string
  readonly intro: string
  readonly names: readonly string[]
}

export const configSections: readonly ConfigSection[] = [
  section('Identity and data', 'Who this node is, and where it keeps what it stores.', identityKeys),
  section(
    'Controllers',
    'Who decides about the cluster, and how controllers find an active one among themselves.',
    quorumKeys,
  ),
  section('Membership', 'How brokers and the active controller keep in touch.', membershipKeys),
  section('Network', 'Where clients connect, and what a connection may demand.', networkKeys),
  section(
    'New topics',
    'How topics come about, and what they get unless their creator says otherwise.',
    topicCreationKeys,
  ),
  section('Housekeeping', 'How often the files are looked after.', housekeepingKeys),
  section(
    'Replication throttles',
    'How much of the network replicas that catch up may take (KIP-73). `millrace partition reassign --throttle` sets all of it.',
    replicationThrottleKeys,
  ),
  section('Resources', 'Threads, memory and patience.', resourceKeys),
  section('Logging', "The broker's own log, on standard output.", loggingKeys),
  section(
    'Defaults of topics',
    'What holds for a topic that does not set the key itself: `millrace topic alter NAME --set KEY=VALUE`.',
    topicDefaultKeys,
  ),
]

/** Shorter or older names, each with the name in the table that it stands for. */
export const configAliases: ReadonlyMap<string, string> = new Map([
  ['log.dir', 'log.dirs'],
  ['data.dir', 'log.dirs'],
  ['flush.policy', 'log.flush.policy'],
  ['flush.interval.ms', 'log.flush.interval.ms'],
])

export function aliasesOf(name: string): string[] {
  return [...configAliases].filter(([, standsFor]) => standsFor === name).map(([alias]) => alias)
}

function section(title: string, intro: string, keys: object): ConfigSection {
  return { title, intro, names: Object.keys(keys) }
}
