/** The data folder of a node as it is found at a start: whose it is, and how the process before this one left it. */
import type { Env } from '@millrace/base'
import { LogDirectory, type MetaProperties, readFile, readMetaProperties } from '@millrace/storage'
import type { NodeConfig } from './config/node-config.ts'
import { newIdentity, requireIdentity } from './identity.ts'

export interface NodeFolder {
  readonly directory: LogDirectory
  readonly identity: MetaProperties
  /** From the clean mark; −1 when there was none. */
  readonly previousBrokerEpoch: number
}

const CLEAN_MARK = '.kafka_cleanshutdown'
const NO_BROKER_EPOCH = -1
const FOLDER_FAILED = 'The disk could not sync the data folder'
const CHECK_DISK =
  'Nothing new in it is durable. Check the disk and restart: what is in doubt is written again then.'

/** @throws StartupError DATA_FOLDER_FOREIGN; DamagedFileError, DiskError */
export async function openNodeFolder(env: Env, config: NodeConfig): Promise<NodeFolder> {
  const { dataDirectory: path } = config
  // Before opening: that removes the clean mark, which a folder of somebody else must keep.
  const known = readMetaProperties(env.disk, path)
  if (known !== null) requireIdentity(known, config)
  const previousBrokerEpoch = brokerEpochOf(readFile(env.disk, `${path}/${CLEAN_MARK}`))
  const directory = await new Promise<LogDirectory>((resolve, reject) => {
    const onFailed = (reason: string): never => env.host.halt(`${FOLDER_FAILED} (${reason}). ${CHECK_DISK}`)
    LogDirectory.open({ ...env, path, onFailed }, (error, found) =>
      found === null ? reject(error!) : resolve(found),
    )
  })
  const identity = known ?? newIdentity(config, env.entropy)
  if (known === null) await completion((done) => directory.format(identity, done))
  return { directory, identity, previousBrokerEpoch }
}

/** Of a node without a broker: nobody else does it. @throws DiskError */
export function closeFolder({ directory }: NodeFolder): Promise<void> {
  return completion((done) => directory.close(NO_BROKER_EPOCH, done))
}

function brokerEpochOf(mark: Buffer | null): number {
  if (mark === null) return NO_BROKER_EPOCH
  try {
    const { brokerEpoch } = JSON.parse(mark.toString('utf8')) as { brokerEpoch?: unknown }
    return typeof brokerEpoch === 'number' ? brokerEpoch : NO_BROKER_EPOCH
  } catch {
    // A mark that cannot be read still says "clean"; which life it ended is then unknown.
    return NO_BROKER_EPOCH
  }
}

function completion(act: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => act((error) => (error === null ? resolve() : reject(error))))
}
