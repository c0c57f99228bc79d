/**
 * docker/compose.yaml as a user runs it: brought up from an image of this checkout, used from the host by the command line
 * and by a Kafka client, its containers killed. Prints how long each took. Skipped, with the reason, where no Docker engine
 * can be had.
 */
import { join } from 'node:path'
import { Admin } from '@millrace/client'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../rig/broker-process.ts'
import { ComposeCluster } from '../rig/compose-cluster.ts'
import { DockerEngine } from '../rig/docker.ts'
import { RecordLedger } from '../rig/record-ledger.ts'
import { findTool, runTool } from '../rig/tool.ts'
import { TopicLedger } from '../rig/topic-ledger.ts'

/** From the finished image to six healthy containers, at most. */
const UP_MAX_MS = 30_000
/** Records that are acknowledged before and after each fault. */
const STREAM = 200

const kcat = findTool('kcat', 'kcat')

let missing: string | null = null
let engine: DockerEngine | null = null
let cluster: ComposeCluster
let upMs: number

beforeAll(async () => {
  const found = await DockerEngine.open()
  if (typeof found === 'string') return notTested(found)
  engine = found
  const startMs = performance.now()
  const image = await engine.image()
  if (typeof image === 'string') return notTested(image)
  const builtMs = performance.now()
  cluster = await ComposeCluster.up(engine, image.tag)
  upMs = performance.now() - builtMs
  const bytes = Number(await engine.docker('image', 'inspect', '--format', '{{.Size}}', image.tag))
  console.log(
    `image of ${Math.round(bytes / 1e6)} MB ready after ${seconds(builtMs - startMs)}, ` +
      `six containers healthy ${seconds(upMs)} later`,
  )
}, 480_000)

afterAll(async () => {
  // undefined where nothing was brought up
  await (cluster as ComposeCluster | undefined)?.[Symbol.asyncDispose]()
  await engine?.[Symbol.asyncDispose]()
}, 60_000)

beforeEach(({ skip }) => skip(missing !== null, missing ?? ''))

describe('three controllers and three brokers in containers', () => {
  it('are healthy within half a minute once the image exists', () => {
    expect(upMs).toBeLessThanOrEqual(UP_MAX_MS)
  })

  it('take and give records to the command line on the host, through all brokers', async () => {
    await millrace('topic', 'create', 'native', '--partitions', '6', '--if-not-exists')
    await millraceWith(lines('native', 60), 'produce', 'native', '--key-separator', ':')
    expect(await consumed('native')).toEqual(values('native', 60))
  })

  it.skipIf(kcat === null)('take and give records to a Kafka client on the host, side by side', async () => {
    await millrace('topic', 'create', 'kafka', '--partitions', '6', '--if-not-exists')
    await runKcat(lines('kafka', 60), '-P', '-t', 'kafka', '-K:')
    expect(await consumed('kafka')).toEqual(values('kafka', 60))
    const read = await runKcat('', '-C', '-t', 'kafka', '-e', '-q')
    expect(sortedLines(read)).toEqual(values('kafka', 60))
  })

  it('create topics while the active controller is killed, and have every one that was acknowledged', async () => {
    const active = await cluster.activeController()
    await survives('controller-killed', active, async () => {
      expect(await cluster.activeController()).not.toBe(active)
    })
  })

  it('keep every acknowledged record when the leader of a partition is killed in mid-stream', async () => {
    await keepsRecords('leader-killed', async () => `broker-${await leaderOf('leader-killed')}`)
  })

  it('keep every acknowledged record when the active controller is killed in mid-stream', async () => {
    await keepsRecords('controller-gone', () => cluster.activeController())
  })

  it('create topics while a broker is killed, and have all records when it is back', async () => {
    await survives('broker-killed', 'broker-2')
    expect(await consumed('native')).toEqual(values('native', 60))
  })
})

function notTested(reason: string): void {
  missing = reason
  console.warn(`NOT TESTED: docker/compose.yaml: ${reason}`)
}

/**
 * Kills a container while topics are created, starts it again, and looks for all of them everywhere.
 * @param alsoHolds what else must be so while it is dead
 */
async function survives(prefix: string, killed: string, alsoHolds?: () => Promise<void>): Promise<void> {
  const ledger = new TopicLedger(cluster.bootstrap, prefix).start()
  let gapMs: number
  try {
    await ledger.nextAcknowledged(3)
    await cluster.kill(killed)
    await ledger.nextAcknowledged(3)
    gapMs = ledger.longestGapMs
    await alsoHolds?.()
    // What was killed on purpose stays dead until somebody starts it.
    expect(await cluster.isRunning(killed)).toBe(false)
  } finally {
    await ledger.stop()
    await cluster.start(killed)
    await cluster.healthy()
  }
  const verdict = await ledger.verdict(cluster.bootstraps)
  console.log(`${killed} killed: ${verdict.acknowledged} topics created, longest gap ${Math.round(gapMs)} ms`)
  expect(ledger.failures).toEqual([])
  expect(verdict.missing).toEqual([])
}

/** Kills a container while records with three replicas are written, and reads them all when it is back. */
async function keepsRecords(topic: string, victimOf: () => Promise<string>): Promise<void> {
  await using ledger = await RecordLedger.open(cluster.bootstrap, topic)
  await ledger.nextAcknowledged(STREAM)
  const victim = await victimOf()
  ledger.takeLongestGapMs()
  try {
    await cluster.kill(victim)
    await ledger.nextAcknowledged(STREAM)
  } finally {
    await cluster.start(victim)
  }
  const gapMs = ledger.takeLongestGapMs()
  await cluster.healthy()
  const { acknowledged, lost, doubled, reordered, failed } = await ledger.verdict()
  console.log(
    `${victim} killed: ${acknowledged} records acknowledged, ${lost.length} lost, gap ${Math.round(gapMs)} ms`,
  )
  expect({ lost, doubled, reordered, failed }).toEqual({ lost: [], doubled: [], reordered: [], failed: [] })
}

async function leaderOf(topic: string): Promise<number> {
  await using admin = new Admin({ bootstrap: cluster.bootstrap })
  const [found] = await admin.describeTopics([topic])
  return found!.partitions[0]!.leader
}

function millrace(...args: string[]): Promise<string> {
  return millraceWith('', ...args)
}

function millraceWith(input: string, ...args: string[]): Promise<string> {
  return text(join(root, 'scripts/millrace'), [...args, '--bootstrap', cluster.bootstrap], input)
}

function runKcat(input: string, ...args: string[]): Promise<string> {
  return text(kcat!, ['-b', cluster.bootstrap, ...args], input)
}

async function text(program: string, args: readonly string[], input: string): Promise<string> {
  const { code, stdout, stderr } = await runTool(program, args, Buffer.from(input))
  expect(code, stderr).toBe(0)
  return stdout.toString()
}

async function consumed(topic: string): Promise<string[]> {
  return sortedLines(await millrace('consume', topic, '--from', 'beginning', '--exit-at-end'))
}

/** Keyed, so that they spread over the partitions. */
function lines(topic: string, count: number): string {
  return values(topic, count)
    .map((value, i) => `key-${i}:${value}\n`)
    .join('')
}

function values(topic: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${topic}-${String(i).padStart(3, '0')}`)
}

function sortedLines(output: string): string[] {
  return output.trimEnd().split('\n').sort()
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
