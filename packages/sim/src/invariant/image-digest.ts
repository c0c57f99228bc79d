/** Fingerprints of metadata: of records in their order, and of images whatever order their maps are in. */
import { crc32c } from '@millrace/base'
import { imageRecords, type MetadataImage, type MetadataRecord } from '@millrace/metadata'
import { encodeMetadataRecord } from '@millrace/protocol'

const PRIME = 0x9e3779b1

/** @returns the fingerprint of everything that `before` stands for and these records behind it */
export function chainRecords(before: number, records: readonly MetadataRecord[]): number {
  let hash = before
  for (const record of records) hash = Math.imul(hash ^ crc32c(encodeMetadataRecord(record)), PRIME) >>> 0
  return hash
}

/** A sum over the image's records, each by itself: maps of the same content may be in different orders. */
export function digestImage(image: MetadataImage): number {
  let sum = 0
  for (const record of imageRecords(image)) {
    const bytes = encodeMetadataRecord(record)
    sum = (sum + Math.imul(crc32c(bytes) ^ bytes.length, PRIME)) >>> 0
  }
  return sum
}
