/**
 * Folders of partitions that the metadata does not know: their topic was deleted while this broker was down, or the
 * data folder is not the one that the metadata belongs to. They are kept, but under a name that no partition can take.
 */
import type { Env } from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'
import type { LogDirectory } from '@millrace/storage'

/** @throws DiskError */
export async function setStraysAside(
  { disk, log }: Pick<Env, 'disk' | 'log'>,
  directory: LogDirectory,
  image: MetadataImage,
): Promise<void> {
  for (const { topic, partition, topicId } of directory.partitions()) {
    if (topicId === null || image.topics.byId(topicId) !== undefined) continue
    const folder = `${directory.path}/${topic}-${partition}`
    const aside = `${folder}.${Buffer.from(topicId, 'base64url').toString('hex')}-stray`
    await new Promise<void>((resolve, reject) =>
      directory.forget({ topic, partition }, (error) => (error === null ? resolve() : reject(error))),
    )
    disk.rename(folder, aside)
    log.warn(
      { folder: aside },
      'a folder of an unknown partition was set aside: delete it when nobody misses it',
    )
  }
}
