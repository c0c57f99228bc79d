export type { AnomalyGroup } from './anomaly/anomaly-list.ts'
export {
  ANOMALY_MEANINGS,
  type AnomalyKind,
  type Circumstances,
  type Evidence,
  type Example,
  isLegal,
} from './anomaly/anomaly.ts'
export * from './history/history-line.ts'
export { HistoryReader } from './history/history-reader.ts'
export { formatHistoryLine, HistoryRecorder, type RecordedLine } from './history/history-recorder.ts'
export { parseHistoryLine } from './history/line-parser.ts'
export { type CheckerOptions, DEFAULT_MODE, HistoryChecker } from './history-checker.ts'
export type { RecordCounts, Report } from './report.ts'
export type { FaultGap, WriteGap } from './side/write-gaps.ts'
export { type Verdict, VerdictCode, verdictOf } from './verdict.ts'
