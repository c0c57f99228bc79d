/** Ports of loopback that nobody listens on: at the moment of asking, as nothing can promise more. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { DEV_HOST } from './dev-plan.ts'

export async function isPortFree(port: number): Promise<boolean> {
  return (await boundPort(port)) !== null
}

export async function freePort(): Promise<number> {
  const port = await boundPort(0)
  if (port === null) throw new Error('the system has no free port left')
  return port
}

/** @returns the port that could be bound, null when it is taken */
async function boundPort(port: number): Promise<number | null> {
  const server = createServer()
  server.listen({ host: DEV_HOST, port, exclusive: true })
  try {
    await once(server, 'listening')
  } catch {
    // In use, or not allowed for this user: either way this port is not to be had.
    return null
  }
  const bound = (server.address() as AddressInfo).port
  server.close()
  await once(server, 'close')
  return bound
}
