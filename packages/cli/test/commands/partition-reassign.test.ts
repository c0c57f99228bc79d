import { Admin } from '@millrace/client'
import { Producer } from '@millrace/producer-client'
import { type RunningCluster, startCluster } from '@millrace/server'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { callCli, type CliResult } from '../run-cli.ts'

const VALUE = 'x'.repeat(100_000)
const LISTS = ['leader.replication.throttled.replicas', 'follower.replication.throttled.replicas']
const RATES = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate']

let cluster: RunningCluster
let admin: Admin

beforeAll(async () => {
  cluster = await startCluster({ controllers: 1, brokers: 2 })
  admin = new Admin({ bootstrap: cluster.bootstrap })
  vi.stubEnv('MILLRACE_BOOTSTRAP', cluster.bootstrap)
}, 60_000)
afterAll(async () => {
  vi.unstubAllEnvs()
  await admin.close()
  await cluster.close()
})

async function cli(args: string): Promise<CliResult> {
  return await callCli(['partition', 'reassign', ...args.split(' ')])
}

/** What is set for the topic and the brokers, by `NAME KEY`. */
async function throttles(topic: string): Promise<Record<string, string | null>> {
  const resources = [
    { type: 'topic', name: topic },
    { type: 'broker', name: '1' },
    { type: 'broker', name: '2' },
  ] as const
  const described = await admin.describeConfigs(resources, { names: [...LISTS, ...RATES] })
  return Object.fromEntries(
    described.flatMap(({ name, configs }) =>
      configs
        .filter(({ source }) => source !== 'default')
        .map((entry) => [`${name} ${entry.name}`, entry.value]),
    ),
  )
}

/** @returns who has it, and who is to get it */
async function topicOnOne(name: string): Promise<[from: number, to: number]> {
  await admin.createTopics([{ name, partitions: 1, replicationFactor: 1 }])
  await using producer = new Producer({ bootstrap: cluster.bootstrap })
  await Promise.all(Array.from({ length: 30 }, () => producer.send(name, { value: VALUE })))
  const [topic] = await admin.describeTopics([name])
  const from = topic!.partitions[0]!.leader
  return [from, 3 - from]
}

describe('millrace partition reassign --throttle', { timeout: 60_000 }, () => {
  test('holds a move back, lets it go with another rate, and leaves nothing when it is done', async () => {
    const [from, to] = await topicOnOne('flights')
    const move = `--topic flights --partition 0 --replicas ${to}`
    const begun = await cli(`${move} --throttle 1kB`)
    expect(begun).toMatchObject({ code: 0, stdout: `flights-0 moves to ${to}\n` })
    expect(begun.stderr).toContain('brokers 1, 2 copy at most 1.0 kB a second')
    expect(begun.stderr).toContain('--verify --all')
    expect(await throttles('flights')).toEqual({
      'flights leader.replication.throttled.replicas': `0:${from}`,
      'flights follower.replication.throttled.replicas': `0:${to}`,
      ...Object.fromEntries([1, 2].flatMap((id) => RATES.map((name) => [`${id} ${name}`, '1000']))),
    })

    const underWay = await cli('--topic flights --verify')
    expect(underWay.code).toBe(0)
    expect(underWay.stdout).toContain('flights-0 moves still, and is on ')
    expect(underWay.stderr).toContain('1 partition of the cluster still moves')
    expect(Object.keys(await throttles('flights'))).toHaveLength(6)

    const done = await cli(`${move} --throttle 1GB --wait`)
    expect(done, done.stderr).toMatchObject({ code: 0, stdout: `flights-0 is on ${to}\n` })
    expect(done.stderr).toContain('throttles of 1 topic and of brokers 1, 2 removed')
    expect(await throttles('flights')).toEqual({})
    const after = await cli(`${move} --verify`)
    expect(after).toMatchObject({ code: 0, stdout: `flights-0 is on ${to}\n`, stderr: '' })
  })

  test('is gone when the move is cancelled, and what somebody listed stays as long as it moves', async () => {
    const [from, to] = await topicOnOne('audit')
    await admin.alterConfigs([
      { type: 'topic', name: 'audit', set: { [LISTS[0]!]: '*', [LISTS[1]!]: '7:7' } },
    ])
    await cli(`--topic audit --replicas ${to} --throttle 1KiB`)
    expect(await throttles('audit')).toMatchObject({
      'audit leader.replication.throttled.replicas': '*',
      'audit follower.replication.throttled.replicas': `7:7,0:${to}`,
    })
    const cancelled = await cli('--cancel --topic audit')
    expect(cancelled).toMatchObject({ code: 0, stdout: 'audit-0 stays where it was\n' })
    expect(cancelled.stderr).toContain('throttles of 1 topic and of brokers 1, 2 removed')
    expect(await throttles('audit')).toEqual({})
    const after = await cli(`--topic audit --replicas ${to} --verify`)
    expect(after.stdout).toBe(`audit-0 ended elsewhere, on ${from}\n`)
  })

  test('--verify --all removes what was left behind by a command that nobody waited for', async () => {
    await admin.createTopics([{ name: 'left', partitions: 1, replicationFactor: 1 }])
    await admin.alterConfigs([
      { type: 'topic', name: 'left', set: { [LISTS[0]!]: '0:1' } },
      { type: 'broker', name: '2', set: { [RATES[1]!]: '5000' } },
    ])
    const verified = await cli('--verify --all')
    expect(verified).toMatchObject({ code: 0, stdout: 'no partition is moving\n' })
    expect(verified.stderr).toContain('throttles of 1 topic and of broker 2 removed')
    expect(await throttles('left')).toEqual({})
  })

  test('is refused where there is nothing to throttle, or no rate', async () => {
    for (const [args, message] of [
      ['--cancel --all --throttle 1MB', 'takes no --throttle'],
      ['--verify --all --throttle 1MB', 'takes no --throttle'],
      ['--verify --all --cancel', 'exclude each other'],
      ['--verify --all --wait', 'nothing to --wait for'],
      ['--verify', 'no partitions named'],
      ['--topic t --replicas 1 --throttle 0', 'such as 10MB'],
      ['--topic t --replicas 1 --throttle fast', 'such as 10MB'],
      ['--topic t --replicas 1 --throttle 5TB', 'such as 10MB'],
    ] as const) {
      const { code, stderr } = await cli(args)
      expect(code, args).toBe(2)
      expect(stderr).toContain(message)
    }
  })
})
