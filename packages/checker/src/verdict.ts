/** The verdict on a history in plain words, and the exit code that goes with it. */
import type { AnomalyGroup } from './anomaly/anomaly-list.ts'
import { ANOMALY_MEANINGS, type Example } from './anomaly/anomaly.ts'
import type { Report } from './report.ts'
import type { FaultGap, WriteGap } from './side/write-gaps.ts'

export const VerdictCode = {
  /** Nothing is wrong, and the history shows all that it takes to say so. */
  ok: 0,
  /** Something happened that must never happen. */
  wrong: 1,
  /** Nothing is wrong as far as the history goes, and it does not go far enough. */
  undecided: 2,
} as const
export type VerdictCode = (typeof VerdictCode)[keyof typeof VerdictCode]

export interface Verdict {
  /** Exit code of a program that judges the history. */
  readonly code: VerdictCode
  /** Several lines, without a line break at the end. */
  readonly text: string
}

const REASONS_SHOWN_MAX = 5

export function verdictOf(report: Report): Verdict {
  const code = codeOf(report)
  return { code, text: textOf(report, code) }
}

function codeOf({ anomalies, gapsOfKnowledge }: Report): VerdictCode {
  if (anomalies.some(({ legal }) => !legal)) return VerdictCode.wrong
  return gapsOfKnowledge.length > 0 ? VerdictCode.undecided : VerdictCode.ok
}

function textOf(report: Report, code: VerdictCode): string {
  const illegal = report.anomalies.filter(({ legal }) => !legal)
  const legal = report.anomalies.filter((group) => group.legal)
  return [
    ...countLines(report),
    ...gapLines(report),
    ...(legal.length === 0 ? [] : [`seen, and legal in this mode: ${legal.map(nameAndCount).join(', ')}`]),
    ...illegal.flatMap(anomalyLines),
    ...conclusionLines(report, code, illegal),
  ].join('\n')
}

function countLines({ mode, records, operations, keys }: Report): string[] {
  const producers = mode.idempotent ? 'idempotent producers' : 'producers that may repeat themselves'
  return [
    `${plural(operations, 'operation')} on ${plural(keys, 'partition')}, ${mode.assignment}, ${mode.isolation}, ${producers}`,
    row('acknowledged', records.acknowledged, `of ${number(records.sent)} sent`, [
      [records.uncertain, 'uncertain'],
      [records.failed, 'failed'],
    ]),
    row('read', records.acknowledgedAndRead, 'of the acknowledged', [
      [records.read - records.acknowledgedAndRead, 'others read as well'],
      [records.expired, 'deleted before anybody read them'],
    ]),
    row('lost', records.lost, '', []),
    row('duplicated', records.duplicated, '', []),
    row('reordered', records.writtenOutOfOrder + records.readOutOfOrder, '', [
      [records.writtenOutOfOrder, 'when written'],
      [records.readOutOfOrder, 'when read'],
    ]),
  ]
}

function row(name: string, count: number, of: string, parts: readonly (readonly [number, string])[]): string {
  const named = parts.filter(([part]) => part > 0).map(([part, what]) => `${number(part)} ${what}`)
  const rest = [of, ...named].filter((text) => text !== '').join(', ')
  return `${name.padEnd(13)}${number(count).padStart(12)}${rest === '' ? '' : `  ${rest}`}`
}

function gapLines({ longestGap, faults }: Report): string[] {
  if (longestGap === null) return []
  const worst = new Map<string, FaultGap & { readonly times: number }>()
  for (const fault of faults) {
    const before = worst.get(fault.fault)
    const times = (before?.times ?? 0) + 1
    const isWorse = (fault.gap?.lengthMs ?? -1) > (before?.gap?.lengthMs ?? -1)
    worst.set(fault.fault, { ...(before === undefined || isWorse ? fault : before), times })
  }
  return [
    `longest write gap: ${gapText(longestGap)}`,
    ...[...worst.values()].map(
      ({ fault, target, times, gap }) =>
        `  ${fault}, ${plural(times, 'time')}: ${gap === null ? 'none' : gapText(gap)}` +
        (target === null ? '' : ` (${target})`),
    ),
  ]
}

function gapText({ lengthMs, key, beganMs, open }: WriteGap): string {
  const rest = open ? ', and nothing was acknowledged after it' : ''
  return `${number(Math.round(lengthMs))} ms in ${key} from ${number(Math.round(beganMs))} ms on${rest}`
}

function anomalyLines(group: AnomalyGroup): string[] {
  return [
    `WRONG: ${nameAndCount(group)}: ${ANOMALY_MEANINGS[group.kind]}`,
    ...group.examples.flatMap(exampleLines),
    ...(group.count > group.examples.length
      ? [`  and ${number(group.count - group.examples.length)} more`]
      : []),
  ]
}

function exampleLines({ key, message, operations }: Example): string[] {
  const shownBy = operations.map(({ i, proc, f, type }) => `i ${i} (${proc}, ${f} ${type})`)
  return [`  ${key === null ? '' : `${key}: `}${message}`, `    ${shownBy.join(', ')}`]
}

function conclusionLines(
  { gapsOfKnowledge }: Report,
  code: VerdictCode,
  illegal: readonly AnomalyGroup[],
): string[] {
  if (code === VerdictCode.ok) return ['verdict: nothing is wrong']
  const reasons = gapsOfKnowledge.slice(0, REASONS_SHOWN_MAX)
  const more = gapsOfKnowledge.length - reasons.length
  const unknown = [
    ...reasons.map((reason) => `  not shown: ${reason}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
  if (code === VerdictCode.undecided)
    return [...unknown, 'verdict: undecided, the history does not go far enough']
  return [...unknown, `verdict: WRONG: ${illegal.map(nameAndCount).join(', ')}`]
}

function nameAndCount({ kind, count }: AnomalyGroup): string {
  return `${kind} ×${number(count)}`
}

function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** 1234567 → 1,234,567, whatever the machine's language. */
function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}
