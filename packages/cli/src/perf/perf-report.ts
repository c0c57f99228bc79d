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
    return `${paint('bold', `perf ${name}`)}  ${paint('dim', shown.join(', '))}\n\n${table(COLUMNS, [row(result)])}`
  })
}

const COLUMNS = [
  ...['RECORDS', 'SECONDS', 'RECORDS/S', 'THROUGHPUT', 'P50', 'P99', 'P99.9', 'CLIENT CPU', 'BROKER CPU'].map(
    (title) => ({ title, align: 'right' as const }),
  ),
]

function row({
  records,
  elapsedMs,
  recordsPerSecond,
  bytesPerSecond,
  latency,
  clientCpu,
  brokerCpu,
}: PerfResult): string[] {
  const quantiles =
    latency === null
      ? ['-', '-', '-']
      : [latency.p50Ms, latency.p99Ms, latency.p999Ms].map((ms) => formatMs(ms))
  return [
    formatCount(records),
    (elapsedMs / 1000).toFixed(2),
    formatCount(recordsPerSecond),
    formatRate(bytesPerSecond),
    ...quantiles,
    cpuText(clientCpu),
    brokerCpu === null ? '-' : cpuText(brokerCpu),
  ]
}

function cpuText({ user, system }: CpuSeconds): string {
  return `${user.toFixed(2)} + ${system.toFixed(2)} s`
}
