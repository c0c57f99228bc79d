import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveTopicConfig, type TopicConfig } from '@millrace/metadata'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BrokerConfig } from '@millrace/broker'
import { dataDirectory } from '../../src/config/broker-config.ts'
import { type ConfigSources, loadConfig } from '../../src/config/load-config.ts'
import { nodeConfig } from '../../src/config/node-config.ts'
import type { Setting } from '../../src/config/setting.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-config-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

function file(content: string): string {
  const path = join(dir, 'millrace.yaml')
  writeFileSync(path, content)
  return path
}

function flag(key: string, value: string): Setting {
  return { key, value, origin: '--set' }
}

/** What holds on this broker for a topic that sets nothing. */
async function topicConfig(sources: ConfigSources): Promise<TopicConfig> {
  const { staticEntries } = nodeConfig(await loadConfig(sources)).decisions
  return resolveTopicConfig(new Map(), { broker: new Map(), allBrokers: new Map(), static: staticEntries })
}

async function refusal(sources: ConfigSources): Promise<string> {
  return await loadConfig(sources).then(
    () => 'accepted',
    (error: Error) => error.message.replaceAll(`${dir}/`, ''),
  )
}

describe('precedence', () => {
  const configFile = () => file('num.partitions: 2\nlog.retention.ms: 200\nlog.segment.bytes: 2000000\n')
  const environment = {
    MILLRACE_LOG_RETENTION_MS: '300',
    MILLRACE_LOG_SEGMENT_BYTES: '3000000',
    HOME: '/root',
  }
  const flags = [flag('log.segment.bytes', '4000000')]

  test('is flags over environment over file over defaults', async () => {
    const { values, explicit } = await loadConfig({ configFile: configFile(), environment, flags })
    expect(values['num.partitions']).toBe(2)
    expect(values['default.replication.factor']).toBe(1)
    expect(Object.fromEntries(explicit)).toEqual({
      'num.partitions': '2',
      'log.retention.ms': '300',
      'log.segment.bytes': '4000000',
    })
  })

  test('holds between names of the same key as well', async () => {
    const loaded = await loadConfig({
      configFile: file('log.dirs: /from/file\n'),
      environment: { MILLRACE_DATA_DIR: '/from/env' },
    })
    expect(dataDirectory(loaded)).toBe('/from/env')
  })

  test('within retention is ms over minutes over hours, as in Kafka', async () => {
    const retentionMs = async (text: string) =>
      (await topicConfig({ configFile: file(text) }))['retention.ms']
    expect(await retentionMs('log.retention.hours: 2')).toBe(7_200_000)
    expect(await retentionMs('log.retention.hours: 2\nlog.retention.minutes: 3')).toBe(180_000)
    expect(await retentionMs('log.retention.ms: 7\nlog.retention.hours: 2')).toBe(7)
    expect(await retentionMs('log.retention.hours: -1')).toBe(-1)
    expect(await retentionMs('')).toBe(604_800_000)
  })
})

describe('a YAML file', () => {
  test('may nest keys, list values and leave keys empty', async () => {
    const { values } = await loadConfig({
      configFile: file(
        'log:\n  dirs:\n    - /data\n  retention:\n    ms: 5\nlisteners: [127.0.0.1:1, "127.0.0.1:2"]\nbroker.rack:\n',
      ),
    })
    expect(values['log.dirs']).toEqual(['/data'])
    expect(values.listeners).toEqual(['127.0.0.1:1', '127.0.0.1:2'])
    expect(values['broker.rack']).toBe(null)
  })

  test('keeps numbers as they are written', async () => {
    const { explicit } = await loadConfig({ configFile: file('log.retention.bytes: 9223372036854775807\n') })
    expect(explicit.get('log.retention.bytes')).toBe('9223372036854775807')
  })

  test('with nothing in it is fine', async () => {
    expect((await loadConfig({ configFile: file('# nothing\n') })).explicit.size).toBe(0)
  })

  test.each([
    [
      'num.partitions: 1\nnum.partitons: 2\n',
      'millrace.yaml:2: Unknown configuration num.partitons. Did you mean num.partitions?',
    ],
    [
      '\n\nlog:\n  retention.ms: soon\n',
      'millrace.yaml:4: Invalid value soon for configuration log.retention.ms: Not a number',
    ],
    [
      'node.id: -3\n',
      'millrace.yaml:1: Invalid value -3 for configuration node.id: Value must be at least 0',
    ],
    [
      'flush.policy: sometimes',
      'millrace.yaml:1: Invalid value sometimes for configuration log.flush.policy: String must be one of',
    ],
    ['log.dirs:\n  - {a: b}\n', 'millrace.yaml:1: log.dirs must be a plain value or a list'],
    ['shards: 1\nshards: 2\n', 'millrace.yaml:2: Map keys must be unique'],
    ['shards: [1\n', 'millrace.yaml:'],
    ['- shards\n', 'millrace.yaml:1: expected lines of "key: value"'],
  ])('%j is refused with the line', async (content, message) => {
    expect(await refusal({ configFile: file(content) })).toContain(message)
  })

  test('that does not exist is named', async () => {
    expect(await refusal({ configFile: join(dir, 'nowhere.yaml') })).toBe(
      'configuration file nowhere.yaml does not exist',
    )
  })

  test('with several problems names all of them', async () => {
    const message = await refusal({ configFile: file('shard: 1\nnode.id: x\n'), flags: [flag('a.b', 'c')] })
    expect(message).toMatch(
      /3 problems[^]*yaml:1: Unknown[^]*Did you mean shards[^]*yaml:2: Invalid[^]*--set: Unknown/,
    )
  })
})

describe('an environment variable', () => {
  test('that is no key is refused with its name', async () => {
    expect(await refusal({ environment: { MILLRACE_LOG_RETENSION_MS: '1' } })).toBe(
      'environment variable MILLRACE_LOG_RETENSION_MS: Unknown configuration log.retension.ms. Did you mean log.retention.ms?',
    )
  })

  test('of the command line is left alone', async () => {
    expect(await refusal({ environment: { MILLRACE_BOOTSTRAP: 'x:1', MILLRACE_WIRE: 'kafka' } })).toBe(
      'accepted',
    )
  })
})

describe('the configuration of the broker', () => {
  const config = async (...flags: Setting[]): Promise<BrokerConfig> =>
    nodeConfig(await loadConfig({ flags })).broker!

  test('gives its topics the flush policy under its short name as well', async () => {
    const flushing = async (...flags: Setting[]) => {
      const { 'flush.policy': policy, 'flush.ms': intervalMs } = await topicConfig({ flags })
      return { policy, intervalMs }
    }
    expect(await flushing()).toEqual({ policy: 'commit', intervalMs: Number.MAX_SAFE_INTEGER })
    expect(await flushing(flag('flush.policy', 'interval'), flag('flush.interval.ms', '20'))).toEqual({
      policy: 'interval',
      intervalMs: 20,
    })
  })

  test('has at least one shard unless none is asked for', async () => {
    expect((await config()).shards).toBeGreaterThanOrEqual(1)
    expect((await config(flag('shards', '0'))).shards).toBe(0)
    expect((await config(flag('shards', '3'))).shards).toBe(3)
  })

  test('listens beyond this machine only when told that this is insecure', async () => {
    const open = flag('listeners', 'PLAINTEXT://0.0.0.0:9092')
    await expect(config(open)).rejects.toMatchObject({ code: 'LISTENER_INSECURE' })
    const { listener } = await config(
      open,
      flag('allow.insecure', 'true'),
      flag('advertised.listeners', 'b1:19092'),
    )
    expect(listener).toEqual({
      name: 'PLAINTEXT',
      host: '0.0.0.0',
      port: 9092,
      advertisedHost: 'b1',
      advertisedPort: 19_092,
      reachableHost: hostname(),
    })
  })

  test.each([
    ['listeners', 'here', '--set: Invalid value for configuration listeners: "here" is not HOST:PORT'],
    ['listeners', 'a:1,b:2', 'two listeners are called PLAINTEXT'],
    ['log.dirs', '/a,/b', '--set: log.dirs must name exactly one folder'],
  ])('refuses %s=%s', async (key, value, message) => {
    await expect(config(flag(key, value))).rejects.toThrow(message)
  })
})
