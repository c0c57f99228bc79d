/**
 * How long a broker takes to open what it has on disk: after SIGTERM (clean mark: nothing is scanned) and after SIGKILL
 * (everything above the recovery point is).
 *
 *   node test/bench/recovery.ts [--gigabytes 2]
 *
 * The recovery point is kept at the log's start by a checkpoint interval longer than the run, so that the whole log lies
 * above it: the worst case. Files are in the page cache.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BrokerProcess } from '../rig/broker-process.ts'
import { compiled, jsonOf, requireLinux } from '../rig/system.ts'
import { scriptArguments } from '../rig/script-arguments.ts'

const recordBytes = 1024
const partitions = 2
const { values: flags } = scriptArguments(import.meta.filename, {
  options: { gigabytes: { type: 'string', default: '2' } },
})

function logBytes(data: string): number {
  return readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.log'))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

async function secondsToStart(broker: BrokerProcess): Promise<number> {
  const startedMs = performance.now()
  await broker.startAgain()
  return (performance.now() - startedMs) / 1000
}

async function main(): Promise<void> {
  requireLinux()
  const load = compiled('load')
  const data = mkdtempSync(join(tmpdir(), 'millrace-recovery-'))
  const config = {
    'num.partitions': partitions,
    'log.flush.offset.checkpoint.interval.ms': 3_600_000,
    'replica.high.watermark.checkpoint.interval.ms': 3_600_000,
  }
  const broker = await BrokerProcess.start({ data, flush: 'os', config, startTimeoutMs: 300_000 })
  try {
    const records = Math.round((Number(flags.gigabytes) * 1e9) / recordBytes)
    await jsonOf([
      load,
      'produce',
      broker.bootstrap,
      'bulk',
      String(records),
      String(recordBytes),
      String(partitions),
    ])
    const gigabytes = logBytes(data) / 1e9
    await broker.kill()
    const unclean = await secondsToStart(broker)
    await broker.stop()
    const clean = await secondsToStart(broker)
    await broker.stop()
    console.log(`log of ${gigabytes.toFixed(2)} GB in ${partitions} partitions`)
    console.log(
      `  after SIGKILL: listening after ${unclean.toFixed(2)} s, ${(unclean / gigabytes).toFixed(2)} s per GB above the recovery point`,
    )
    console.log(`  after SIGTERM: listening after ${clean.toFixed(2)} s`)
  } finally {
    if (broker.alive) await broker.kill()
    rmSync(data, { recursive: true, force: true })
  }
}

await main()
