/**
 * What a cluster is asked or configured wrongly: each mistake gets an error that says what to do, within a bound, and the
 * cluster beside it goes on. Nodes and commands are processes, as a user has them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ErrorCode } from '@millrace/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../rig/broker-process.ts'
import { Cluster, ClusterNode } from '../rig/cluster.ts'
import { type Finished, runMillrace } from '../rig/millrace-run.ts'
import { RawConnection } from '../rig/raw-connection.ts'

/** Exit codes of the command line: it failed, it was called wrongly. */
const [FAILED, MISUSED] = [1, 2]
/** Starting a process on a busy machine, on top of what the test itself waits for. */
const PROCESS_MS = 8000

let scratch: string
let started: ClusterNode[] = []

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'millrace-bad-'))
})
afterAll(async () => {
  for (const node of started) if (node.alive) await node.kill()
  started = []
  rmSync(scratch, { recursive: true, force: true })
})

let folders = 0
const folder = (): string => join(scratch, `node-${(folders += 1)}`)

interface NodePlan {
  readonly id: number
  readonly role: 'broker' | 'controller'
  readonly voters: string
  readonly port: number
  readonly data?: string
  readonly more?: readonly string[]
}

function nodeArguments({ id, role, voters, port, data = folder(), more = [] }: NodePlan): string[] {
  const listen = ['--node-id', String(id), '--listen', `127.0.0.1:${port}`, '--data', data]
  return [role, ...listen, '--controllers', voters, ...more, '--output', 'json']
}

const runNode = (plan: NodePlan): Promise<Finished> => runMillrace(nodeArguments(plan))

/** Beside the cluster, until the tests end. */
async function spawnNode(plan: NodePlan): Promise<ClusterNode> {
  const data = plan.data ?? folder()
  const args = nodeArguments({ ...plan, data })
  const rest = { proxy: null, disk: null, skewFile: null, ownProcessGroups: false }
  const node = new ClusterNode({ ...plan, data, args, ...rest })
  started.push(node)
  await node.spawn()
  return node
}

function expectFailure({ code, output }: Finished, exitCode: number, ...texts: readonly string[]): void {
  for (const text of texts) expect(output).toContain(text)
  expect(code, output).toBe(exitCode)
}

describe('a cluster of one controller and one broker', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await Cluster.start({
      controllers: 1,
      brokers: 1,
      settings: { 'max.partitions.per.request': 50 },
    })
  })
  afterAll(async () => {
    // Whatever it was asked, it has gone on.
    await cluster.allBrokersKnown()
    await cluster[Symbol.asyncDispose]()
  })

  const cli = (...args: string[]): Promise<Finished> =>
    runMillrace([...args, '--bootstrap', cluster.bootstrap, '--output', 'json'])

  it('refuses more replicas than there are brokers', async () => {
    const failed = await cli('topic', 'create', 'wide', '--replication-factor', '2')
    expectFailure(failed, FAILED, 'INVALID_REPLICATION_FACTOR', 'more replicas than there are brokers')
  })

  it('refuses an unknown config in a creation, and creates nothing', async () => {
    const failed = await cli('topic', 'create', 'odd', '--config', 'retention.millis=1')
    expectFailure(failed, FAILED, 'INVALID_CONFIG', 'retention.millis')
    expectFailure(await cli('topic', 'describe', 'odd'), FAILED, 'UNKNOWN_TOPIC_OR_PARTITION')
  })

  it('refuses an unknown config and a bad value in an alteration, and changes nothing', async () => {
    expect((await cli('topic', 'create', 'plain')).code).toBe(0)
    for (const [setting, named] of [
      ['retention.millis=1', 'retention.millis'],
      ['retention.ms=soon', 'retention.ms'],
    ] as const) {
      expectFailure(await cli('topic', 'alter', 'plain', '--set', setting), FAILED, 'INVALID_CONFIG', named)
    }
    const { output } = await cli('topic', 'describe', 'plain', '--configs')
    expect(output).toContain('"retention.ms"')
    expect(output).not.toContain('soon')
  })

  it('refuses more partitions than one request may create', async () => {
    const failed = await cli('topic', 'create', 'many', '--partitions', '51')
    expectFailure(failed, FAILED, 'POLICY_VIOLATION', 'at most 50 are allowed at once')
  })

  it('refuses a second process with the number of a live broker, which serves on', async () => {
    const voters = cluster.voters
    const failed = await runNode({ id: 1, role: 'broker', voters, port: await freePort() })
    expectFailure(failed, FAILED, 'NODE_ID_IN_USE', 'stop it, or give this one another node.id')
    await cluster.allBrokersKnown()
  })

  it('refuses a broker that was set up for another cluster', async () => {
    const { voters } = cluster
    const port = await freePort()
    const foreign = ['--cluster-id', 'AAAAAAAAQACAAAAAAAAAAQ']
    const refused = await runNode({ id: 2, role: 'broker', voters, port, more: foreign })
    expectFailure(refused, FAILED, 'CLUSTER_ID_MISMATCH', 'controller.quorum.voters', 'another folder')
  })

  it('refuses a data folder of another cluster, of another node, and one in use', async () => {
    const { voters } = cluster
    const [broker] = cluster.brokers as [ClusterNode]
    const [controller] = cluster.controllers as [ClusterNode]
    const port = await freePort()
    const { data } = broker
    const inUse = await runNode({ id: 1, role: 'broker', voters, port, data })
    expectFailure(inUse, FAILED, 'DATA_FOLDER_IN_USE')
    await broker.kill()
    const anotherNode = await runNode({ id: 7, role: 'broker', voters, port, data })
    expectFailure(anotherNode, FAILED, 'DATA_FOLDER_FOREIGN', 'belongs to node 1', '--node-id 1', '--data')
    const more = ['--cluster-id', 'AAAAAAAAQACAAAAAAAAAAQ']
    const anotherCluster = await runNode({ id: 1, role: 'broker', voters, port, data, more })
    expectFailure(
      anotherCluster,
      FAILED,
      'DATA_FOLDER_FOREIGN',
      'belongs to cluster',
      'cluster.id=',
      '--data',
    )
    const stranger = `101@127.0.0.1:${await freePort()}`
    await controller.kill()
    const another = await runNode({
      id: 102,
      role: 'controller',
      voters: stranger,
      port,
      data: controller.data,
    })
    expectFailure(another, FAILED, 'DATA_FOLDER_FOREIGN', 'belongs to node 101')
    await cluster.startAll()
  })

  it.each([
    ['not an address', '101@nowhere', 'is not ID@HOST:PORT, such as 101@127.0.0.1:9093'],
    ['no number', 'a@127.0.0.1:9093', 'is not ID@HOST:PORT'],
    ['all addresses', '101@0.0.0.0:9093', 'is not ID@HOST:PORT'],
    ['one number twice', '101@127.0.0.1:9093,101@127.0.0.1:9094', 'node 101 is named twice'],
    ['one address twice', '101@127.0.0.1:9093,102@127.0.0.1:9093', 'have the same address 127.0.0.1:9093'],
  ])('refuses voters with %s', async (_title, voters, problem) => {
    const failed = await runNode({ id: 1, role: 'broker', voters, port: 0 })
    expectFailure(failed, FAILED, 'CONFIG_INVALID', 'controller.quorum.voters', problem)
  })

  it('tells a command that is called wrongly from one that failed', async () => {
    expectFailure(await cli('topic', 'create', 'x', '--partitions', 'many'), MISUSED, 'whole number')
  })
})

describe('controllers without a majority', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await Cluster.start({ controllers: 3, brokers: 1 })
    const [first, second] = cluster.controllers as [ClusterNode, ClusterNode]
    await Promise.all([first.kill(), second.kill()])
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
  })

  it.each([
    ['quorum', 'describe'],
    ['topic', 'create', 'never'],
  ])('are what a command says that needs a decision, and within seconds: %s %s', async (...command) => {
    const failed = await runMillrace([...command, '--bootstrap', cluster.bootstrap, '--output', 'json'])
    expectFailure(failed, FAILED, 'NO_ACTIVE_CONTROLLER', 'a majority of controller.quorum.voters')
    expect(failed.durationMs).toBeLessThan(6000 + PROCESS_MS)
  })

  it('leave metadata to be answered at once, and in its time where a topic would have to be created', async () => {
    const [broker] = cluster.brokers as [ClusterNode]
    using connection = await RawConnection.open(broker.publicPort, 'kafka')
    const ask = async (name: string, allowAutoTopicCreation: boolean) => {
      const startMs = performance.now()
      const { topics, brokers } = await connection.request('Metadata', 9, {
        topics: [{ name }],
        allowAutoTopicCreation,
      } as never)
      expect(brokers.map(({ nodeId }) => nodeId)).toEqual([1])
      return { errorCode: topics[0]!.errorCode, durationMs: performance.now() - startMs }
    }
    const known = await ask('never', false)
    expect(known.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(known.durationMs).toBeLessThan(1000)
    const created = await ask('never', true)
    expect(created.errorCode).toBe(ErrorCode.LEADER_NOT_AVAILABLE)
    expect(created.durationMs).toBeLessThan(6000)
  })

  it('make a broker that starts say what it waits for, and give up in the time that it was given', async () => {
    const more = ['--set', 'initial.broker.registration.timeout.ms=4500']
    const plan = { id: 2, role: 'broker', voters: cluster.voters, port: await freePort(), more } as const
    const failed = await runNode(plan)
    const silent = cluster.controllers.slice(0, 2).map(({ id, port }) => `${id}@127.0.0.1:${port}`)
    expectFailure(failed, FAILED, 'CONTROLLER_UNAVAILABLE', 'Start a majority of the controllers', ...silent)
    expect(failed.output).toContain('start the voters that do not answer')
    expect(failed.durationMs).toBeLessThan(4500 + PROCESS_MS)
  })

  it('let a broker that waits be stopped', async () => {
    const plan = { id: 3, role: 'broker', voters: cluster.voters, port: await freePort() } as const
    const waiting = await spawnNode(plan)
    await waiting.prints('metadata quorum')
    expect(await waiting.stop()).toBe(0)
  })
})

describe('three controllers', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await Cluster.start({ controllers: 3, brokers: 1 })
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
  })

  it('do not let a new one in that belongs to another cluster: it says so and ends', async () => {
    const victim = cluster.controllers[2]!
    await victim.kill()
    const more = ['--cluster-id', 'AAAAAAAAQACAAAAAAAAAAQ']
    const stranger = {
      id: victim.id,
      role: 'controller',
      voters: cluster.voters,
      port: victim.port,
      more,
    } as const
    expectFailure(await runNode(stranger), FAILED, 'CLUSTER_ID_MISMATCH', 'another folder')
    await victim.spawn()
    await cluster.allBrokersKnown()
  })

  it('keep the vote of a live one from a second with its number on another disk, which does not start', async () => {
    await using admin = cluster.admin()
    const twin = cluster.controllers[1]!
    const votes = async () =>
      (await admin.describeQuorum()).voters.map(({ directoryId }) => directoryId).toSorted()
    const before = await votes()
    const plan = { id: twin.id, role: 'controller', voters: cluster.voters } as const
    const samePort = await runNode({ ...plan, port: twin.port })
    expectFailure(samePort, FAILED, 'ADDRESS_IN_USE', 'Stop that process')
    const more = ['--advertise', `127.0.0.1:${twin.port}`]
    const otherPort = await runNode({ ...plan, port: await freePort(), more })
    expectFailure(otherPort, FAILED, 'NODE_ID_IN_USE', 'Stop it, or give this one another node.id')
    expect(await votes()).toEqual(before)
  })
})
