import { nodeId } from '@millrace/base'
import { Admin, type Link, MillraceError } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { FakeCluster } from '../fake/fake-cluster.ts'

let fake: FakeCluster
let admin: Admin

beforeEach(async () => {
  fake = await FakeCluster.start(1)
  admin = new Admin({ bootstrap: fake.bootstrap, env: fake.env })
})

/** A cluster that serves DescribeCluster up to this version, whatever ours serves. */
function adminOf(versionMax: 1 | 2): Admin {
  const fencedBroker = { brokerId: nodeId(2), host: 'b', port: 2, rack: null, isFenced: true }
  const broker = { brokerId: nodeId(1), host: 'a', port: 1, rack: 'r', isFenced: false }
  const request: Link['request'] = (_api, body) => {
    const withFenced = 'includeFencedBrokers' in (body as object)
    if (withFenced && versionMax < 2) return Promise.reject(new MillraceError('UNSUPPORTED_VERSION', 'v1'))
    const brokers = withFenced ? [fencedBroker, broker] : [broker]
    return Promise.resolve({ errorCode: 0, clusterId: 'c', controllerId: nodeId(1), brokers } as never)
  }
  const link: Link = { wire: 'kafka', isOpen: true, request, send: () => Promise.reject(), close: () => {} }
  return new Admin({ bootstrap: 'a:1', env: fake.env, dial: () => Promise.resolve(link) })
}

describe('listBrokers', () => {
  it('lists the fenced ones with the others, by id', async () => {
    expect(await fake.until(adminOf(2).listBrokers())).toEqual([
      { nodeId: 1, host: 'a', port: 1, rack: 'r', isFenced: false },
      { nodeId: 2, host: 'b', port: 2, rack: null, isFenced: true },
    ])
  })

  it('lists what clients see where the cluster knows nothing of fencing', async () => {
    expect(await fake.until(adminOf(1).listBrokers())).toMatchObject([{ nodeId: 1, isFenced: false }])
  })
})

describe('describeCluster', () => {
  it('leaves fenced brokers out unless asked for them', async () => {
    const nodesOf = async (options = {}) =>
      (await fake.until(adminOf(2).describeCluster(options))).brokers.map((broker) => broker.nodeId)
    expect(await nodesOf()).toEqual([1])
    expect(await nodesOf({ includeFenced: true })).toEqual([1, 2])
  })
})

describe('unregisterBroker', () => {
  it('tells of a broker that was never registered, but not of one that an earlier try removed', async () => {
    const unknown = { errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED }
    fake.intercept('UnregisterBroker', () => unknown)
    const unregistered = fake.until(admin.unregisterBroker(9))
    await expect(unregistered).rejects.toMatchObject({ code: 'BROKER_ID_NOT_REGISTERED' })

    let tries = 0
    fake.intercept('UnregisterBroker', () => (tries++ === 0 ? 'drop' : unknown))
    await fake.until(admin.unregisterBroker(2))
    expect(fake.requests('UnregisterBroker').at(-1)).toEqual({ brokerId: 2 })
  })

  it('is tried again while another controller takes over', async () => {
    let tries = 0
    fake.intercept('UnregisterBroker', () => ({ errorCode: tries++ < 2 ? ErrorCode.NOT_CONTROLLER : 0 }))
    await fake.until(admin.unregisterBroker(2))
    expect(tries).toBe(3)
  })
})
