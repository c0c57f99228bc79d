/** What a node is, and who votes beside it: `process.roles`, `controller.quorum.voters`, `node.id`. */
import type { BootstrapVoter } from '@millrace/metadata-log'
import { invalidConfig, type LoadedConfig } from './load-config.ts'
import { parseVoters } from './voters.ts'

export type ProcessRole = 'broker' | 'controller'

export interface NodeRoles {
  readonly isBroker: boolean
  readonly isController: boolean
  /** As configured, by id; empty: this node alone. */
  readonly voters: readonly BootstrapVoter[]
  /** The entry of this node; null for a broker, and for a controller that is to be added later. */
  readonly ownVoter: BootstrapVoter | null
}

/** @throws StartupError CONFIG_INVALID where they do not fit together */
export function nodeRoles({ values, origins }: LoadedConfig): NodeRoles {
  const refuse = (key: string, problem: string): never => {
    const place = origins.get(key) ?? 'default'
    throw invalidConfig([`${place}: Invalid value for configuration ${key}: ${problem}`])
  }
  const parsed = parseVoters(values['controller.quorum.voters'])
  const voters = 'problem' in parsed ? refuse('controller.quorum.voters', parsed.problem) : parsed
  const roles = values['process.roles']
  const isAlone = voters.length === 0
  if (roles.length === 0 && !isAlone) {
    refuse(
      'process.roles',
      'with controller.quorum.voters it must say what this process is: broker, controller, or both',
    )
  }
  const isBroker = isAlone && roles.length === 0 ? true : roles.includes('broker')
  const isController = isAlone && roles.length === 0 ? true : roles.includes('controller')
  if (isAlone && !(isBroker && isController)) {
    refuse(
      'controller.quorum.voters',
      `a process that is only a ${roles[0]} must be told of the controllers, as ID@HOST:PORT,…`,
    )
  }
  const ownVoter = voters.find(({ id }) => id === values['node.id']) ?? null
  if (ownVoter !== null && !isController) {
    refuse(
      'node.id',
      `node ${ownVoter.id} is a controller in controller.quorum.voters, and this process is only a broker: each node needs a number of its own`,
    )
  }
  return { isBroker, isController, voters, ownVoter }
}

/** In Kafka's words and order. */
export function roleNames({ isBroker, isController }: NodeRoles): readonly ProcessRole[] {
  return [...(isBroker ? (['broker'] as const) : []), ...(isController ? (['controller'] as const) : [])]
}

/** What is allowed and seldom meant. */
export function roleWarnings({ isController, ownVoter, voters }: NodeRoles, autoJoin: boolean): string[] {
  const warnings: string[] = []
  if (voters.length > 0 && voters.length % 2 === 0) {
    warnings.push(
      `${voters.length} voters bear the loss of no more of them than ${voters.length - 1} do: an odd number is better`,
    )
  }
  if (isController && voters.length > 0 && ownVoter === null) {
    warnings.push(
      'this controller is not among controller.quorum.voters: it follows the metadata log and does not vote until it is added, ' +
        (autoJoin
          ? 'which it asks for by itself once it has caught up'
          : 'with `millrace quorum add-voter`, or by controller.quorum.auto.join.enable=true'),
    )
  }
  return warnings
}
