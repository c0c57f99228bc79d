import type { Endpoint, NodeId } from '@millrace/base'
import { type ClientConnection, connect } from '@millrace/net'
import { beforeEach, describe, expect, test } from 'vitest'
import { LoopbackNet } from '../../../net/test/virtual/loopback-net.ts'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { type ControllerListenerHandlers, ControllerServer } from '../../src/controller/controller-server.ts'

const LISTENER: Endpoint = { host: '127.0.0.1', port: 9093 }

let world: VirtualWorld
let loopback: LoopbackNet
let server: ControllerServer
let disconnected: NodeId[]

/** Answers heartbeats; anything else would be a defect of the test. */
const handlers = {
  BrokerHeartbeat: () => ({ isCaughtUp: true, isFenced: false }),
  DescribeCluster: () => ({ clusterId: 'cluster', brokers: [] }),
} as unknown as ControllerListenerHandlers

beforeEach(async () => {
  world = new VirtualWorld()
  loopback = new LoopbackNet(world)
  disconnected = []
  const { clock, timers, log } = world
  server = new ControllerServer({
    env: { clock, timers, log, net: loopback.net },
    handlers,
    limits: {},
    onBrokerDisconnected: (broker) => disconnected.push(broker),
  })
  await during(server.listen(LISTENER))
})

/** Lets the world turn until the promise is settled. */
async function during<T>(promise: Promise<T>): Promise<T> {
  await world.settle()
  return await promise
}

function client(): Promise<ClientConnection> {
  const { clock, timers } = world
  const env = { clock, timers, net: loopback.net }
  return during(
    connect({ env, endpoint: LISTENER, clientId: 'test', wire: 'native', connectTimeoutMs: 1000 }),
  )
}

async function heartbeat(connection: ClientConnection, brokerId: number): Promise<void> {
  const request = {
    brokerId: brokerId as NodeId,
    brokerEpoch: 1,
    currentMetadataOffset: 1 as never,
    wantFence: false,
    wantShutDown: false,
  }
  await during(connection.request('BrokerHeartbeat', request, { timeoutMs: 1000 }))
}

describe('the controller listener', () => {
  test('offers what a controller serves, and nothing of a broker', async () => {
    const connection = await client()
    expect(connection.versionOf('BrokerRegistration')).not.toBe(null)
    expect(connection.versionOf('Fetch')).not.toBe(null)
    expect(connection.versionOf('Metadata')).toBe(null)
    expect(connection.versionOf('Produce')).toBe(null)
  })

  test('closes the connection of whoever asks for something of a broker', async () => {
    const connection = await client()
    const asked = connection.request(
      'FindCoordinator',
      { key: '', coordinatorKeys: [] },
      { timeoutMs: 1000, version: 4 },
    )
    const refused = expect(asked).rejects.toMatchObject({ name: 'ConnectionError' })
    await world.settle()
    await refused
  })

  test("tells when the connection of a broker's heartbeats closes", async () => {
    const connection = await client()
    await heartbeat(connection, 7)
    connection.close()
    await world.settle()
    expect(disconnected).toEqual([7])
  })

  test('says nothing about connections by which no heartbeat came', async () => {
    const connection = await client()
    await during(connection.request('DescribeCluster', { endpointType: 2 }, { timeoutMs: 1000 }))
    connection.close()
    await world.settle()
    expect(disconnected).toEqual([])
  })

  test('says nothing when it is this side that closes', async () => {
    await heartbeat(await client(), 7)
    await during(server.close(1000))
    expect(disconnected).toEqual([])
  })

  test('can be opened again at once where it was closed', async () => {
    await client()
    await during(server.close(1000))
    const { clock, timers, log } = world
    const next = new ControllerServer({
      env: { clock, timers, log, net: loopback.net },
      handlers,
      limits: {},
      onBrokerDisconnected() {},
    })
    expect(await during(next.listen(LISTENER))).toEqual(LISTENER)
    await expect(during(server.listen(LISTENER))).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
