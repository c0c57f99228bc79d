/** When a cluster is ready: every broker shows all brokers to its clients. */
import { setTimeout as delay } from 'node:timers/promises'
import { Admin, MillraceError } from '@millrace/client'

const PAUSE_MS = 50
const ATTEMPT_TIMEOUT_MS = 1000

/**
 * @param bootstrap `host:port,…` of all brokers
 * @throws the signal's reason
 */
export async function whenReady(bootstrap: string, signal: AbortSignal): Promise<void> {
  const addresses = bootstrap.split(',')
  await Promise.all(addresses.map((address) => untilBrokersSeen(address, addresses.length, signal)))
}

async function untilBrokersSeen(address: string, count: number, signal: AbortSignal): Promise<void> {
  while ((await brokersSeen(address, signal)) < count) await delay(PAUSE_MS, undefined, { signal })
}

/** @returns 0 while the broker does not answer */
async function brokersSeen(address: string, signal: AbortSignal): Promise<number> {
  // A client of its own each time, because one that knows the cluster might ask another broker.
  await using admin = new Admin({ bootstrap: address, clientId: 'millrace-dev', retryBackoffMs: PAUSE_MS })
  try {
    const { brokers } = await admin.describeCluster({ timeoutMs: ATTEMPT_TIMEOUT_MS, signal })
    return brokers.length
  } catch (error) {
    signal.throwIfAborted()
    // Not listening yet, or not able to answer yet: exactly what is waited for to end.
    if (error instanceof MillraceError) return 0
    throw error
  }
}
