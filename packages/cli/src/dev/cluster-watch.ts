/** Asks a cluster about itself about once a second. */
import { setTimeout as delay } from 'node:timers/promises'
import { Admin, MillraceError } from '@millrace/client'
import { describeAllTopics, partitionCounts } from '../hosted-partitions.ts'
import type { ClusterReport } from './cluster-view.ts'

const INTERVAL_MS = 1000
const CALL_TIMEOUT_MS = 900

/** Calls `onReport` until the signal aborts; resolves then. */
export async function watchCluster(
  bootstrap: string,
  signal: AbortSignal,
  onReport: (report: ClusterReport) => void,
): Promise<void> {
  await using admin = new Admin({
    bootstrap,
    clientId: 'millrace-dev',
    retryBackoffMs: 50,
    reconnectBackoffMs: 50,
    reconnectBackoffMaxMs: INTERVAL_MS,
  })
  while (!signal.aborted) {
    const report = await clusterReport(admin, signal)
    if (signal.aborted) return
    onReport(report)
    await interval(signal)
  }
}

async function clusterReport(admin: Admin, signal: AbortSignal): Promise<ClusterReport> {
  const options = { timeoutMs: CALL_TIMEOUT_MS, signal }
  const [brokers, quorum, topics] = await Promise.all([
    ifAnswered(admin.listBrokers(options), signal),
    ifAnswered(admin.describeQuorum(options), signal),
    ifAnswered(describeAllTopics(admin, options), signal),
  ])
  return { brokers, quorum, partitions: topics === null ? null : partitionCounts(topics) }
}

/** What does not answer in time is shown as unknown. */
async function ifAnswered<T>(answer: Promise<T>, signal: AbortSignal): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof MillraceError || signal.aborted) return null
    throw error
  }
}

async function interval(signal: AbortSignal): Promise<void> {
  try {
    await delay(INTERVAL_MS, undefined, { signal })
  } catch (error) {
    // Aborted: the loop looks.
    if (!signal.aborted) throw error
  }
}
