/** Numbers as people read them. */

export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Decimal megabytes per second: records and disks are counted so. */
export function formatRate(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  for (const [limit, unit] of [
    [1e6, 'kB'],
    [1e9, 'MB'],
    [1e12, 'GB'],
  ] as const) {
    if (bytes < limit) return `${((bytes / limit) * 1000).toFixed(1)} ${unit}`
  }
  return `${(bytes / 1e12).toFixed(1)} TB`
}

export function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(2)} ms` : ms < 100 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}

/** `1 record`, `2 records`, `2 batches` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** `1, 2, 3` */
export function idList(ids: readonly number[]): string {
  return ids.toSorted((left, right) => left - right).join(', ')
}
