import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Disk, DiskError, type Log, type Net } from '@millrace/base'
import { nodeEnv, silentLog } from '@millrace/base/node'
import { connect } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadSettings } from '../src/embedded-server.ts'
import { parseEndpoint } from '../src/listener.ts'
import { type RunningNode, startNode, type StartOptions } from '../src/node.ts'

const env = nodeEnv()

let folder: string
let nodes: RunningNode[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-node-'))
  nodes = []
})
afterEach(async () => {
  for (const node of nodes.toReversed()) await node.close()
  rmSync(folder, { recursive: true })
})

type Settings = Readonly<Record<string, string | number | boolean>>

const QUIET: Settings = {
  shards: 0,
  'flush.policy': 'os',
  'codec.threads': 0,
  'num.recovery.threads.per.data.dir': 0,
}

async function start(
  settings: Settings,
  options: StartOptions = {},
  log: Log = silentLog,
): Promise<RunningNode> {
  const data = join(folder, `node-${String(settings['node.id'] ?? 1)}`)
  const loaded = await loadSettings({ settings: { ...QUIET, 'log.dirs': data, ...settings } })
  const node = await startNode(nodeEnv({ log }), loaded, options)
  nodes.push(node)
  return node
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    let port = 0
    const closer = env.net.listen(
      { host: '127.0.0.1', port: 0 },
      {
        onReady: (bound) => {
          port = bound.port
          closer.close(() => resolve(port))
        },
        onError: reject,
        onConnection: () => ({ onData() {}, onClose() {} }),
      },
    )
  })
}

const controller = (port: number, voters = `101@127.0.0.1:${port}`): Settings => ({
  'process.roles': 'controller',
  'node.id': 101,
  'controller.quorum.voters': voters,
})

const broker = (port: number, id = 1): Settings => ({
  'process.roles': 'broker',
  'node.id': id,
  'controller.quorum.voters': `101@127.0.0.1:${port}`,
  listeners: '127.0.0.1:0',
})

const connection = (address: string) =>
  connect({
    env,
    endpoint: parseEndpoint(address)!,
    clientId: 'test',
    wire: 'native',
    connectTimeoutMs: 1000,
  })

/** A disk on which no file can be opened after `fail`. */
function failingDisk(disk: Disk): { readonly disk: Disk; readonly fail: () => void } {
  let hasFailed = false
  const open: Disk['open'] = (path, mode) => {
    if (hasFailed) throw new DiskError('EIO', path, 'open')
    return disk.open(path, mode)
  }
  const failing = new Proxy(disk, {
    get(target, name) {
      const member = (name === 'open' ? open : Reflect.get(target, name)) as unknown
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
  return { disk: failing, fail: () => (hasFailed = true) }
}

/** Collects lines, and resolves `seen` at the first with these words. */
function logFor(words: string): { readonly log: Log; readonly seen: Promise<object> } {
  const { promise, resolve } = Promise.withResolvers<object>()
  const look = (fields: object, message: string): void => {
    if (message.includes(words)) resolve(fields)
  }
  const log: Log = { debug: look, info: look, warn: look, error: look, child: () => log }
  return { log, seen: promise }
}

describe('a node', { timeout: 20_000 }, () => {
  test('alone is broker and controller, and listens for clients only', async () => {
    const node = await start({ listeners: '127.0.0.1:0' })
    expect(node).toMatchObject({ nodeId: 1, roles: ['broker', 'controller'], controllerListener: null })
    expect(node.bootstrap).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(node.quorum.leader.id).toBe(1)
  })

  test('alone may have a listener for controllers that are added later', async () => {
    const port = await freePort()
    const node = await start({ listeners: `127.0.0.1:0,CONTROLLER://127.0.0.1:${port}` })
    expect(node.controllerListener).toBe(`127.0.0.1:${port}`)
  })

  test('that is only a controller serves its own APIs, and no client', async () => {
    const port = await freePort()
    const node = await start(controller(port))
    expect(node).toMatchObject({
      bootstrap: null,
      controllerListener: `127.0.0.1:${port}`,
      roles: ['controller'],
    })
    const client = await connection(node.controllerListener!)
    expect(client.versionOf('Vote')).not.toBe(null)
    expect(client.versionOf('Produce')).toBe(null)
    const timeoutMs = 1000
    const described = await client.request('DescribeCluster', { endpointType: 2 }, { timeoutMs })
    expect(described).toMatchObject({
      clusterId: node.clusterId,
      brokers: [{ brokerId: 101, host: '127.0.0.1', port }],
    })
    const asBroker = await client.request('DescribeCluster', { endpointType: 1 }, { timeoutMs })
    expect(asBroker.errorCode).toBe(ErrorCode.MISMATCHED_ENDPOINT_TYPE)
    client.close()
  })

  test('that is only a broker gets its metadata from the controller, whoever starts first', async () => {
    const port = await freePort()
    const starting = start(broker(port))
    const boss = await start(controller(port))
    const node = await starting
    expect(node).toMatchObject({ controllerListener: null, roles: ['broker'], clusterId: boss.clusterId })
    expect(boss.quorum.image.brokers.get(node.nodeId)?.fenced).toBe(false)
    expect(node.quorum.isActive).toBe(false)
  })

  test('with both roles beside others has a listener for each', async () => {
    const port = await freePort()
    const node = await start({
      ...controller(port),
      'process.roles': 'broker,controller',
      listeners: `127.0.0.1:0,CONTROLLER://127.0.0.1:${port}`,
    })
    const second = await start(broker(port))
    expect(node.quorum.image.brokers.size).toBe(2)
    expect(second.quorum.leader.id).toBe(101)
  })

  test('may be closed twice, and starts again as who it was', async () => {
    const port = await freePort()
    const first = await start(controller(port))
    await Promise.all([first.close(), first.close()])
    const second = await start(controller(port))
    expect(second.clusterId).toBe(first.clusterId)
  })
})

describe('a node that cannot start', { timeout: 20_000 }, () => {
  test('says that its controllers cannot be reached, and gives its folder back', async () => {
    const port = await freePort()
    const impatient = { ...broker(port), 'initial.broker.registration.timeout.ms': 50 }
    await expect(start(impatient)).rejects.toMatchObject({ code: 'CONTROLLER_UNAVAILABLE' })
    await start(controller(port))
    await start(broker(port))
  })

  test('stops waiting when it is told to', async () => {
    const port = await freePort()
    const abort = new AbortController()
    const starting = start(broker(port), { signal: abort.signal })
    abort.abort(new Error('changed my mind'))
    await expect(starting).rejects.toThrow('changed my mind')
  })

  test('says that its controllers belong to another cluster', async () => {
    const port = await freePort()
    await start({ ...controller(port), 'cluster.id': 'AAAAAAAAQACAAAAAAAAAAQ' })
    await expect(start(broker(port))).rejects.toMatchObject({
      code: 'CLUSTER_ID_MISMATCH',
      hint: expect.stringContaining('controller.quorum.voters'),
    })
  })

  test('says that its folder is of another node, or another cluster', async () => {
    const port = await freePort()
    await (await start(controller(port))).close()
    const data = join(folder, 'node-101')
    const other = { 'log.dirs': data, 'node.id': 7, listeners: '127.0.0.1:0' }
    await expect(start(other)).rejects.toMatchObject({ code: 'DATA_FOLDER_FOREIGN' })
    const elsewhere = { ...controller(port), 'cluster.id': 'AAAAAAAAQACAAAAAAAAAAQ' }
    await expect(start(elsewhere)).rejects.toMatchObject({
      code: 'DATA_FOLDER_FOREIGN',
      hint: expect.stringContaining('cluster.id='),
    })
  })

  test('says that the address of its controller is taken', async () => {
    const port = await freePort()
    await start(controller(port))
    const data = join(folder, 'twin')
    await expect(start({ ...controller(port), 'log.dirs': data })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(String(port)),
    })
  })

  test('says why, also when it can not even be closed cleanly', async () => {
    const port = await freePort()
    await start(controller(port))
    const data = join(folder, 'twin')
    const lines = logFor('could not be closed cleanly')
    const listens = Promise.withResolvers<void>()
    const inner = nodeEnv({ log: lines.log })
    const { disk, fail } = failingDisk(inner.disk)
    const net: Net = {
      ...inner.net,
      listen: (options, handlers) => {
        fail()
        listens.resolve()
        return inner.net.listen(options, handlers)
      },
    }
    const loaded = await loadSettings({ settings: { ...QUIET, ...controller(port), 'log.dirs': data } })
    const error: unknown = await startNode({ ...inner, disk, net }, loaded).catch((thrown: unknown) => thrown)
    await listens.promise
    expect(error).toMatchObject({ code: 'ADDRESS_IN_USE' })
    await lines.seen
  })

  test('says that another broker has its number', async () => {
    const port = await freePort()
    const sessions = { 'broker.session.timeout.ms': 300, 'broker.heartbeat.interval.ms': 50 }
    await start({ ...controller(port), ...sessions })
    await start({ ...broker(port), ...sessions })
    const twin = { ...broker(port), ...sessions, 'log.dirs': join(folder, 'twin') }
    await expect(start(twin)).rejects.toMatchObject({ code: 'NODE_ID_IN_USE' })
  })
})

test(
  'a node whose parts can not be closed says so once, with the first of them',
  { timeout: 20_000 },
  async () => {
    const inner = nodeEnv({ log: silentLog })
    const { disk, fail } = failingDisk(inner.disk)
    const data = join(folder, 'broken')
    const settings = { ...QUIET, ...controller(await freePort()), 'log.dirs': data }
    const node = await startNode({ ...inner, disk }, await loadSettings({ settings }))
    fail()
    await expect(node.close()).rejects.toBeInstanceOf(DiskError)
  },
)

describe('without a majority of the voters', { timeout: 20_000 }, () => {
  test('a controller says which of them do not answer', async () => {
    const [port, silent, other] = [await freePort(), await freePort(), await freePort()]
    const voters = `101@127.0.0.1:${port},102@127.0.0.1:${silent},103@127.0.0.1:${other}`
    const { log, seen } = logFor('no active controller')
    await start(controller(port, voters), {}, log)
    expect(await seen).toEqual({
      voters: 3,
      needed: 2,
      silent: [`102@127.0.0.1:${silent}`, `103@127.0.0.1:${other}`],
    })
  })
})
