/** Compression types by their id in the lowest three bits of a batch's attributes. */
export const CompressionType = {
  none: 0,
  gzip: 1,
  snappy: 2,
  lz4: 3,
  zstd: 4,
} as const

export type CompressionName = keyof typeof CompressionType
export type CompressionType = (typeof CompressionType)[CompressionName]

const NAMES: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** @returns the name, or null for the ids 5 to 7, which no version of Kafka knows */
export function compressionName(type: number): CompressionName | null {
  return NAMES[type] ?? null
}
