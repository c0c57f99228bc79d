import { hostname } from 'node:os'
import { expect, describe, test } from 'vitest'
import { loadConfig } from '../../src/config/load-config.ts'
import { type NodeConfig, nodeConfig } from '../../src/config/node-config.ts'
import { roleNames, roleWarnings } from '../../src/config/node-roles.ts'

const VOTERS = '101@127.0.0.1:9101,102@127.0.0.1:9102,103@127.0.0.1:9103'

type Settings = Readonly<Record<string, string | number | boolean>>

async function config(settings: Settings): Promise<NodeConfig> {
  const flags = Object.entries(settings).map(([key, value]) => ({
    key,
    value: String(value),
    origin: '--set',
  }))
  return nodeConfig(await loadConfig({ flags }))
}

const broker = { 'process.roles': 'broker', 'node.id': 1, 'controller.quorum.voters': VOTERS }
const controller = { 'process.roles': 'controller', 'node.id': 101, 'controller.quorum.voters': VOTERS }
const both = { ...controller, 'process.roles': 'broker,controller' }

describe('roles', () => {
  test('are both, without a listener for controllers, when nothing is said', async () => {
    const { roles, controllerListener, broker: own } = await config({})
    expect(roleNames(roles)).toEqual(['broker', 'controller'])
    expect(roles.voters).toEqual([])
    expect(controllerListener).toBe(null)
    expect(own?.listener.port).toBe(9092)
  })

  test('of a broker leave it without a listener for controllers', async () => {
    const { roles, controllerListener, broker: own } = await config(broker)
    expect(roleNames(roles)).toEqual(['broker'])
    expect(controllerListener).toBe(null)
    expect(own).not.toBe(null)
  })

  test('of a broker come with how long it remembers producers', async () => {
    expect((await config(broker)).broker?.producerIdExpirationMs).toBe(86_400_000)
    const shorter = await config({ ...broker, 'producer.id.expiration.ms': 60_000 })
    expect(shorter.broker?.producerIdExpirationMs).toBe(60_000)
  })

  test('of a controller leave it without a broker', async () => {
    const { roles, broker: own } = await config({ ...controller, listeners: '127.0.0.1:9101' })
    expect(roleNames(roles)).toEqual(['controller'])
    expect(own).toBe(null)
  })

  test('may be both beside other voters', async () => {
    const node = await config({ ...both, listeners: '127.0.0.1:9092,CONTROLLER://127.0.0.1:9101' })
    expect(node.broker?.listener.port).toBe(9092)
    expect(node.controllerListener?.port).toBe(9101)
  })

  test.each<[string, Settings, string]>([
    ['voters and no roles', { 'controller.quorum.voters': VOTERS }, 'must say what this process is'],
    ['a broker without controllers', { 'process.roles': 'broker' }, 'must be told of the controllers'],
    ['a controller alone', { 'process.roles': 'controller' }, 'must be told of the controllers'],
    ['an unknown role', { 'process.roles': 'boss' }, "'boss' is not one of: broker, controller"],
    [
      "a voter that can't be read",
      { ...broker, 'controller.quorum.voters': '101' },
      '"101" is not ID@HOST:PORT',
    ],
    [
      'a voter named twice',
      { ...broker, 'controller.quorum.voters': '1@a:1,1@b:1' },
      'node 1 is named twice',
    ],
    ['a broker with the number of a controller', { ...broker, 'node.id': 101 }, 'a number of its own'],
  ])('are refused for %s', async (_title, settings, problem) => {
    await expect(config(settings)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(problem),
    })
  })
})

describe('the address that others are told', () => {
  test('is the host of the listener', async () => {
    const { broker: found } = await config({ ...broker, listeners: '127.0.0.1:0' })
    expect(found?.listener.reachableHost).toBe('127.0.0.1')
  })

  test.each(['0.0.0.0:9092', '[::]:9092', ':9092'])(
    "is the machine's name where a broker listens on %s, at which nobody could find it",
    async (listeners) => {
      const { broker: found } = await config({ ...broker, listeners, 'allow.insecure': true })
      expect(found?.listener).toMatchObject({ reachableHost: hostname(), advertisedHost: null })
    },
  )

  test('is what the voters say for a controller, wherever it listens', async () => {
    const settings = {
      ...controller,
      'controller.quorum.voters': '101@controller-101:9101,102@controller-102:9102',
      listeners: '0.0.0.0:9101',
      'allow.insecure': true,
    }
    expect((await config(settings)).controllerListener?.reachableHost).toBe('controller-101')
  })
})

describe('several listeners of a broker', () => {
  const named = {
    ...broker,
    listeners: 'INTERNAL://127.0.0.1:9092,EXTERNAL://127.0.0.1:9093',
    'listener.security.protocol.map': 'INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
    'advertised.listeners': 'EXTERNAL://outside.example:19093,INTERNAL://inside.example:9092',
  }

  test('have names, and addresses of their own for those who come in by them', async () => {
    const { broker: own } = await config(named)
    expect(own?.listener).toMatchObject({ name: 'INTERNAL', port: 9092, advertisedHost: 'inside.example' })
    expect(own?.clientListeners).toMatchObject([
      { name: 'EXTERNAL', port: 9093, advertisedHost: 'outside.example', advertisedPort: 19_093 },
    ])
  })

  test('need no choice where one is called PLAINTEXT: other nodes come in there', async () => {
    const { broker: own } = await config({
      ...broker,
      listeners: 'OUTSIDE://127.0.0.1:9093,PLAINTEXT://127.0.0.1:9092',
      'listener.security.protocol.map': 'OUTSIDE:PLAINTEXT',
    })
    expect([own?.listener.name, own?.clientListeners[0]?.name]).toEqual(['PLAINTEXT', 'OUTSIDE'])
  })

  test.each<[string, Settings, string]>([
    [
      'that nobody chose from for other nodes',
      { 'inter.broker.listener.name': '' },
      'inter.broker.listener.name: not set: by which do other nodes come in, INTERNAL, EXTERNAL?',
    ],
    ['of which the chosen one is missing', { 'inter.broker.listener.name': 'OTHER' }, 'not among INTERNAL'],
    ['without a protocol', { 'listener.security.protocol.map': '' }, 'add INTERNAL:PLAINTEXT to listener.'],
    ['of another protocol', { listeners: 'SSL://127.0.0.1:1' }, 'security protocol SSL is not supported'],
    [
      'that share a port',
      { listeners: 'INTERNAL://127.0.0.1:1,EXTERNAL://127.0.0.1:1' },
      "can't share port 1",
    ],
    ['of a map that is none', { 'listener.security.protocol.map': 'INTERNAL' }, 'is not NAME:PROTOCOL'],
  ])('are refused: %s', async (_title, settings, problem) => {
    await expect(config({ ...named, 'advertised.listeners': '', ...settings })).rejects.toThrow(problem)
  })
})

describe('the listener of a controller', () => {
  test('is where the voters have it, when nothing else is said', async () => {
    const { controllerListener } = await config({ ...controller, 'node.id': 102 })
    expect(controllerListener).toMatchObject({ host: '127.0.0.1', port: 9102 })
  })

  test('may be another one than the voters say, when its address there leads to it', async () => {
    const { controllerListener } = await config({
      ...controller,
      listeners: '127.0.0.1:9999',
      'advertised.listeners': '127.0.0.1:9101',
    })
    expect(controllerListener).toMatchObject({ port: 9999, advertisedPort: 9101 })
  })

  test('is what it is told for a controller that is added later', async () => {
    const settings = { ...controller, 'node.id': 104, listeners: 'CONTROLLER://127.0.0.1:9104' }
    expect((await config(settings)).controllerListener?.port).toBe(9104)
  })

  test('is possible for a node that is alone, so that others can be added', async () => {
    const settings = { listeners: '127.0.0.1:9092,CONTROLLER://127.0.0.1:9093' }
    expect((await config(settings)).controllerListener?.port).toBe(9093)
  })

  test.each<[string, Settings, string]>([
    [
      'another port than the voters say',
      { ...controller, listeners: '127.0.0.1:9999' },
      'has it at 127.0.0.1:9101',
    ],
    ['a port to be chosen', { listeners: '127.0.0.1:0,CONTROLLER://127.0.0.1:0' }, 'must be chosen'],
    [
      'a port to be chosen for a controller to be added',
      { ...controller, 'node.id': 104, listeners: '127.0.0.1:0' },
      'must be chosen',
    ],
    ['none for a controller to be added', { ...controller, 'node.id': 104 }, 'must be told where to listen'],
    ["none beside the broker's", { ...both, listeners: '127.0.0.1:9092' }, 'needs CONTROLLER://HOST:PORT'],
    ["a broker's", { ...controller, listeners: 'PLAINTEXT://127.0.0.1:9101' }, 'has no listener for clients'],
    [
      "a controller's for a broker",
      { ...broker, listeners: '127.0.0.1:1,CONTROLLER://127.0.0.1:2' },
      'only a broker has no CONTROLLER',
    ],
    [
      "only a controller's for both roles",
      { ...both, listeners: 'CONTROLLER://127.0.0.1:9101' },
      'a broker needs a listener',
    ],
    [
      'two',
      { ...controller, listeners: '127.0.0.1:9101,127.0.0.1:9102' },
      'two listeners are called CONTROLLER',
    ],
    [
      'one that is advertised and not there',
      { ...broker, 'advertised.listeners': 'CONTROLLER://127.0.0.1:2' },
      'there is no listener CONTROLLER',
    ],
  ])('is refused: %s', async (_title, settings, problem) => {
    await expect(config(settings)).rejects.toThrow(problem)
  })

  test('is reachable by other machines only when that is accepted as insecure', async () => {
    const settings = { ...controller, 'node.id': 104, listeners: '0.0.0.0:9104' }
    await expect(config(settings)).rejects.toMatchObject({ code: 'LISTENER_INSECURE' })
    expect((await config({ ...settings, 'allow.insecure': true })).controllerListener?.host).toBe('0.0.0.0')
  })
})

describe('warnings', () => {
  const warnings = async (settings: Settings) => {
    const { roles, quorum } = await config(settings)
    return roleWarnings(roles, quorum.autoJoin)
  }

  test('are none for what is usual', async () => {
    expect(await warnings({})).toEqual([])
    expect(await warnings(broker)).toEqual([])
    expect(await warnings(controller)).toEqual([])
  })

  test('name an even number of voters', async () => {
    const [warning] = await warnings({ ...broker, 'controller.quorum.voters': '101@a:1,102@a:2' })
    expect(warning).toContain('2 voters bear the loss of no more of them than 1 do')
  })

  test('say of a controller that is no voter how it becomes one', async () => {
    const stranger = { ...controller, 'node.id': 104, listeners: '127.0.0.1:9104' }
    expect((await warnings(stranger))[0]).toContain('asks for by itself')
    const [manual] = await warnings({ ...stranger, 'controller.quorum.auto.join.enable': false })
    expect(manual).toContain('millrace quorum add-voter')
  })
})

test('a leader holds fetches back for half of the time after which a follower misses it, at most', async () => {
  expect((await config({})).quorum).toMatchObject({ fetchTimeoutMs: 1000, fetchMaxWaitMs: 500 })
  const { quorum } = await config({ 'controller.quorum.fetch.timeout.ms': 101 })
  expect(quorum.fetchMaxWaitMs).toBe(50)
})
