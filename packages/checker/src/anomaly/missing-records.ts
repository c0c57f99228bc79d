/**
 * Committed records that nobody read. Below the highest place that an ok poll reached they are lost; above it they are
 * unseen, which is as bad once the final read has been to the end of the log, and an open question before.
 */
import { NO_OFFSET } from '@millrace/base'
import type { KeyLog, TrackedRecord } from '../history/history.ts'
import type { Commitment } from '../order/commitment.ts'
import type { VersionOrder } from '../order/version-order.ts'
import type { AnomalyList } from './anomaly-list.ts'
import { evidenceOf, shown } from './anomaly.ts'

export interface MissingCounts {
  lost: number
  /** Acknowledged, and neither read nor refuted by a final read. */
  undecided: number
  /** Unread, and deleted by then: nothing follows from them. */
  expired: number
}

export function findMissingRecords(
  order: VersionOrder,
  commitment: Commitment,
  anomalies: AnomalyList,
  counts: MissingCounts,
): void {
  for (const record of order.key.records.values()) {
    if (record.reader !== null || !commitment.isCommitted(record)) continue
    if (isExpired(record, order)) counts.expired += 1
    else if (record.version >= 0 && record.version <= order.lastRead) {
      counts.lost += 1
      addLostWrite(record, order, anomalies)
    } else if (isRefuted(record)) {
      counts.lost += 1
      addUnseen(record, anomalies)
    } else counts.undecided += 1
  }
}

function isExpired(record: TrackedRecord, order: VersionOrder): boolean {
  return record.version >= 0 && order.offsets[record.version]! < record.key.logStartOffset
}

/**
 * The final read began after the record was written, went to the end of the log, and did not find it. Where records were
 * deleted, that says nothing about one whose offset nobody knows.
 */
function isRefuted({ key, writer, version }: TrackedRecord): boolean {
  const { finalRead, logStartOffset } = key
  if (finalRead === null || finalRead.endOffset === null) return false
  return (writer?.doneLine ?? 0) < finalRead.begunAt && (version >= 0 || logStartOffset === 0)
}

function addLostWrite(record: TrackedRecord, order: VersionOrder, anomalies: AnomalyList): void {
  anomalies.add('lost-write', {}, () => {
    const passer = order.records[order.lastRead]!
    const passed = `readers came as far as ${order.offsets[order.lastRead]}`
    return {
      key: order.key.name,
      message: `${shown(record.value)} was stored at offset ${order.offsets[record.version]}, ${passed}, none read it`,
      operations: evidenceOf(record.writer, passer.reader),
    }
  })
}

function addUnseen(record: TrackedRecord, anomalies: AnomalyList): void {
  const { key, ackedOffset } = record
  anomalies.add('unseen', {}, () => {
    const place = ackedOffset === NO_OFFSET ? '' : ` with offset ${ackedOffset}`
    return {
      key: key.name,
      message:
        `${shown(record.value)} was acknowledged${place}, and ` +
        `the final read came to the end of the log, ${key.finalRead?.endOffset}, without it`,
      operations: evidenceOf(record.writer, ...record.writer!.sends.map(({ reader }) => reader)),
    }
  })
}

/** Why the final read of a key says nothing; null when it does. */
export function unfinishedRead({ name, finalRead }: KeyLog): string | null {
  if (finalRead === null) return `${name} has no final read`
  if (finalRead.endOffset !== null) return null
  return `the final read of ${name} did not reach the end: ${finalRead.reason}`
}
