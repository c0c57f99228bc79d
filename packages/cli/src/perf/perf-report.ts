/** The result of a measurement, for people and for programs. */
import type { Output } from '../output.ts'
import { paint } from '../output.ts'
import { table } from '../table.ts'
import { formatCount, formatMs, formatRate } from '../units.ts'
import type { LatencySummary } from './latency-histogram.ts'
import { cpuBetween, cpuOfProcess, type CpuSeconds, ownCpu } from './process-cpu.ts'

/** Runs between `start` and `finish`: wall time and CPU of this process and, when asked for, of the broker. */
export class Measurement {
  readonly #brokerPid: number | undefined
  readonly #startedMs = performance.now()
  readonly #ownBefore = ownCpu()
  readonly #brokerBefore: CpuSeconds | null

  constructor(brokerPid: number | undefined) {
    this.#brokerPid = brokerPid
    this.#brokerBefore = brokerPid === undefined ? null : cpuOfProcess(brokerPid)
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs
  }

  finish(records: number, bytes: number, latency: LatencySummary | null): PerfResult {
    const elapsedS = this.elapsedMs / 1000
    const brokerAfter = this.#brokerPid === undefined ? null : cpuOfProcess(this.#brokerPid)
    return {
      records,
      bytes,
      elapsedMs: elapsedS * 1000,
      recordsPerSecond: records / elapsedS,
      bytesPerSecond: bytes / elapsedS,
      latency,
      clientCpu: cpuBetween(this.#ownBefore, ownCpu()),
      brokerCpu:
        this.#brokerBefore === null || brokerAfter === null
          ? null
          : cpuBetween(this.#brokerBefore, brokerAfter),
    }
  }
}

export interface PerfResult {
  readonly records: number
  readonly bytes: number
  readonly elapsedMs: number
  readonly recordsPerSecond: number
  readonly bytesPerSecond: number
  /** Null where none is measured. */
  readonly latency: LatencySummary | null
  readonly clientCpu: CpuSeconds
  /** Null without --broker-pid, or where there is no such process. */
  readonly brokerCpu: CpuSeconds | null
}

/** @param setting what was measured, such as acks and record size: figures without it mean nothing */
export function printPerfResult(
  output: Output,
  name: string,
  setting: Readonly<Record<string, unknown>>,
  result: PerfResult,
): void {
  output.result({ name, setting, ...result }, () => {
    const shown = Object.entries(setting).map(([key, value]) => `${key} ${value}`)
    return `${paint('bold', `perf ${name}`)}  ${paint('dim', shown.join(', '))}\n\n${figures(result)}`
  })
}

/** One row; what was not measured has no column. */
function figures(result: PerfResult): string {
  const { records, elapsedMs, recordsPerSecond, bytesPerSecond, latency, clientCpu, brokerCpu } = result
  const cells: readonly (readonly [title: string, text: string | null])[] = [
    ['RECORDS', formatCount(records)],
    ['SECONDS', (elapsedMs / 1000).toFixed(2)],
    ['RECORDS/S', formatCount(recordsPerSecond)],
    ['THROUGHPUT', formatRate(bytesPerSecond)],
    ['P50', latency && formatMs(latency.p50Ms)],
    ['P99', latency && formatMs(latency.p99Ms)],
    ['P99.9', latency && formatMs(latency.p999Ms)],
    ['CLIENT CPU', cpuText(clientCpu)],
    ['BROKER CPU', brokerCpu && cpuText(brokerCpu)],
  ]
  const measured = cells.filter(([, text]) => text !== null)
  return table(
    measured.map(([title]) => ({ title, align: 'right' })),
    [measured.map(([, text]) => text!)],
  )
}

/** User and system time. */
function cpuText({ user, system }: CpuSeconds): string {
  return `${user.toFixed(2)} + ${system.toFixed(2)} s`
}
