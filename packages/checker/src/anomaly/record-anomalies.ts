/** What is wrong with single records: stored twice, sharing an offset, never sent, or read though they were aborted. */
import { NO_OFFSET } from '@millrace/base'
import type { History, Operation, TrackedRecord } from '../history/history.ts'
import { type Commitment, mayBeApplied } from '../order/commitment.ts'
import type { VersionOrder } from '../order/version-order.ts'
import type { AnomalyList } from './anomaly-list.ts'
import { evidenceOf, shown } from './anomaly.ts'

/** @returns how many records are stored at more than one offset */
export function findRecordAnomalies(
  order: VersionOrder,
  commitment: Commitment,
  anomalies: AnomalyList,
): number {
  for (const { offset, first, second } of order.conflicts)
    anomalies.add('inconsistent-offset', {}, () => ({
      key: order.key.name,
      message: `offset ${offset} holds ${shown(first.value)} for some and ${shown(second.value)} for others`,
      operations: evidenceOf(first.writer, second.writer, first.reader, second.reader),
    }))
  let duplicates = 0
  for (const record of order.key.records.values()) {
    if (isDuplicate(record, commitment)) {
      duplicates += 1
      addDuplicate(record, anomalies)
    }
    if (record.writer === null) addPhantom(record, anomalies)
    else if (!mayBeApplied(record.writer) && record.reader !== null) addAbortedRead(record, anomalies)
  }
  return duplicates
}

function isDuplicate(record: TrackedRecord, commitment: Commitment): boolean {
  if (record.otherOffsets !== null) return true
  const { ackedOffset, readOffset } = record
  if (ackedOffset === NO_OFFSET || readOffset === NO_OFFSET || ackedOffset === readOffset) return false
  return commitment.isCommitted(record)
}

function addDuplicate(record: TrackedRecord, anomalies: AnomalyList): void {
  anomalies.add('duplicate', {}, () => {
    const others = (record.otherOffsets ?? []).map(({ offset }) => offset)
    const places = new Set([record.readOffset, ...others])
    const acked = record.ackedOffset === NO_OFFSET ? '' : `, acknowledged at ${record.ackedOffset}`
    return {
      key: record.key.name,
      message: `${shown(record.value)} was read at offset ${[...places].join(' and ')}${acked}`,
      operations: evidenceOf(
        record.writer,
        record.reader,
        ...(record.otherOffsets ?? []).map(({ operation }) => operation),
      ),
    }
  })
}

function addPhantom(record: TrackedRecord, anomalies: AnomalyList): void {
  anomalies.add('phantom', {}, () => ({
    key: record.key.name,
    message: `${shown(record.value)} was read at offset ${record.readOffset}, but nobody sent it`,
    operations: evidenceOf(record.reader),
  }))
}

function addAbortedRead(record: TrackedRecord, anomalies: AnomalyList): void {
  const { writer } = record
  anomalies.add('G1a', { transactional: writer?.f === 'txn' }, () => ({
    key: record.key.name,
    message: `${shown(record.value)} was read at offset ${record.readOffset}, but its write failed`,
    operations: evidenceOf(writer, record.reader),
  }))
}

/** Records of a transaction that it read itself before it ended. */
export function findPrecommittedReads({ operations }: History, anomalies: AnomalyList): void {
  for (const operation of operations) {
    if (operation.f !== 'txn' || operation.sends.length === 0) continue
    for (const record of operation.reads)
      if (record.writer === operation) addPrecommittedRead(record, operation, anomalies)
  }
}

function addPrecommittedRead(record: TrackedRecord, operation: Operation, anomalies: AnomalyList): void {
  anomalies.add('precommitted-read', {}, () => ({
    key: record.key.name,
    message: `${shown(record.value)} was read at offset ${record.readOffset} by the transaction that sent it`,
    operations: evidenceOf(operation),
  }))
}
