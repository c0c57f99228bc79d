/** What goes wrong at a start and is no defect, in words for the person who started it. */
import { DiskError, type Endpoint, NetError } from '@millrace/base'
import { BrokerRegistrationError } from '@millrace/broker'
import { MetadataLogError } from '@millrace/metadata-log'
import { CorruptLogError, DamagedFileError, TopicIdMismatchError } from '@millrace/storage'
import { formatEndpoint } from './listener.ts'
import { StartupError } from './startup-error.ts'

/** @returns the error itself when it is none of those */
export function asStartupError(error: unknown, dataDirectory: string, listener: Endpoint): unknown {
  if (error instanceof NetError) return listenFailure(error, error.endpoint ?? listener)
  if (error instanceof BrokerRegistrationError) return refusal(error)
  if (error instanceof DiskError) {
    return new StartupError(
      'DATA_FOLDER_UNWRITABLE',
      `data folder ${dataDirectory} cannot be used: ${error.message}`,
      'Check the disk, its free space and the permissions of this folder.',
    )
  }
  const isDamage = [DamagedFileError, CorruptLogError, TopicIdMismatchError, MetadataLogError]
  if (isDamage.some((kind) => error instanceof kind)) {
    return new StartupError(
      'DATA_FOLDER_DAMAGED',
      `data folder ${dataDirectory} is damaged: ${(error as Error).message}`,
      'Nothing was changed in it. Look into its logs with `millrace log verify`, or restore the folder from a backup.',
    )
  }
  return error
}

/** The controllers don't let this broker in, and won't. */
function refusal({ code, message }: BrokerRegistrationError): StartupError {
  switch (code) {
    case 'DUPLICATE_BROKER_REGISTRATION':
      return new StartupError('NODE_ID_IN_USE', message)
    case 'INCONSISTENT_CLUSTER_ID':
      return new StartupError('CLUSTER_ID_MISMATCH', message)
    default:
      return new StartupError('REGISTRATION_REFUSED', message)
  }
}

export function listenFailure({ code, message }: NetError, listener: Endpoint): StartupError {
  const address = formatEndpoint(listener)
  if (code === 'EADDRINUSE') {
    return new StartupError(
      'ADDRESS_IN_USE',
      `address ${address} is in use by another process`,
      'Stop that process, or choose another port with --listen; port 0 chooses a free one.',
    )
  }
  const reasons: ReadonlyMap<string, string> = new Map([
    ['EADDRNOTAVAIL', 'this machine has no such address'],
    ['ENOTFOUND', 'the host name is not known'],
    ['EACCES', 'permission denied; ports below 1024 are for privileged users'],
  ])
  return new StartupError(
    'ADDRESS_UNAVAILABLE',
    `cannot listen on ${address}: ${reasons.get(code) ?? message}`,
    'Choose another address with --listen, such as 127.0.0.1:9092.',
  )
}
