/** Why a broker can't become part of its cluster. */
import type { NodeId } from '@millrace/base'
import { errorInfo } from '@millrace/protocol'

/** The controller refuses this broker, and would do so again: somebody has to change something. */
export class BrokerRegistrationError extends Error {
  override readonly name = 'BrokerRegistrationError'
  /** Name of the protocol error, such as DUPLICATE_BROKER_REGISTRATION. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** `stop` was called before the start was done. */
export class BrokerStoppedError extends Error {
  override readonly name = 'BrokerStoppedError'

  constructor() {
    super('the broker was stopped while it was starting')
  }
}

/** The refusal as a person should read it: what is wrong, and what to do. */
export function registrationError(
  errorCode: number,
  nodeId: NodeId,
  clusterId: string,
): BrokerRegistrationError {
  const { name, text } = errorInfo(errorCode)
  switch (name) {
    case 'DUPLICATE_BROKER_REGISTRATION':
      return new BrokerRegistrationError(
        name,
        `another live process is registered as broker ${nodeId}: stop it, or give this one another node.id`,
      )
    case 'INCONSISTENT_CLUSTER_ID':
      return new BrokerRegistrationError(
        name,
        `the controllers belong to another cluster than this data folder, which is of ${clusterId}: ` +
          'correct controller.quorum.voters, or choose another data folder',
      )
    default:
      return new BrokerRegistrationError(
        name,
        `the controller refuses to register broker ${nodeId} with ${name}: ${text}`,
      )
  }
}
