/** Asks whoever listens at an address whether it is a controller, and of which cluster. */
import type { Endpoint, Env } from '@millrace/base'
import { type ClientConnection, connect } from '@millrace/net'
import { EndpointType } from '@millrace/protocol'

const TIMEOUT_MS = 1000

/** @returns the cluster id; null when no controller answers there, for whatever reason */
export async function askForCluster(
  env: Pick<Env, 'net' | 'clock' | 'timers'>,
  endpoint: Endpoint,
  clientId: string,
): Promise<string | null> {
  let connection: ClientConnection | null = null
  try {
    connection = await connect({ env, endpoint, clientId, wire: 'native', connectTimeoutMs: TIMEOUT_MS })
    const question = { endpointType: EndpointType.CONTROLLERS }
    const { errorCode, clusterId } = await connection.request('DescribeCluster', question, {
      timeoutMs: TIMEOUT_MS,
    })
    return errorCode === 0 ? clusterId : null
  } catch {
    // Refused, silent, or something else that listens there: no controller answers.
    return null
  } finally {
    connection?.close()
  }
}
