/**
 * A group's committed offsets as a register that the workload moves only upward: an answer is never below what was
 * acknowledged before the question was asked, by the same generation or an older one.
 *
 * A question whose `invoke` line is missing is compared with its own client's commits only, because nobody knows which of
 * the others' came first.
 */
import type { AnomalyList } from '../anomaly/anomaly-list.ts'
import type { Evidence } from '../anomaly/anomaly.ts'
import type { HistoryLine } from '../history/history-line.ts'

interface Commit {
  readonly offset: number
  readonly generation: number
  readonly evidence: Evidence
}

/** Highest acknowledged commit of each generation. */
type Generations = Map<number, Commit>

const NO_GENERATION = -1
const EVERY_GENERATION = Infinity

export class CommittedOffsetsCheck {
  readonly #anomalies: AnomalyList
  /** Group and key → generations. */
  readonly #commits = new Map<string, Generations>()
  /** The same for each client's own. */
  readonly #ownCommits = new Map<string, Generations>()
  /** Client, group and key → what the answer to its open question must reach; null: nothing was committed. */
  readonly #questions = new Map<string, Commit | null>()

  constructor(anomalies: AnomalyList) {
    this.#anomalies = anomalies
  }

  add(line: HistoryLine): void {
    if (line.f === 'commit' && line.type === 'ok') this.#takeCommit(line)
    else if (line.f === 'committed' && line.type === 'invoke') this.#ask(line)
    else if (line.f === 'committed') this.#answer(line)
  }

  #takeCommit(line: HistoryLine): void {
    for (const mop of line.mops) {
      if (mop[0] !== 'c') continue
      const [, group, key, offset] = mop
      const commit = { offset, generation: line.gen ?? NO_GENERATION, evidence: evidenceOfLine(line) }
      raise(this.#commits, JSON.stringify([group, key]), commit)
      raise(this.#ownCommits, JSON.stringify([line.proc, group, key]), commit)
    }
  }

  #ask(line: HistoryLine): void {
    for (const mop of line.mops) {
      if (mop[0] !== 'g') continue
      const [, group, key] = mop
      const bound = highest(this.#commits.get(JSON.stringify([group, key])), line.gen ?? EVERY_GENERATION)
      this.#questions.set(JSON.stringify([line.proc, group, key]), bound)
    }
  }

  #answer(line: HistoryLine): void {
    for (const mop of line.mops) {
      if (mop[0] !== 'g') continue
      const [, group, key, offset] = mop
      const name = JSON.stringify([line.proc, group, key])
      const asked = this.#questions.get(name)
      const bound =
        asked === undefined ? highest(this.#ownCommits.get(name), line.gen ?? EVERY_GENERATION) : asked
      this.#questions.delete(name)
      if (line.type === 'ok' && bound !== null && (offset ?? -1) < bound.offset)
        this.#anomalies.add('commit-fell', {}, () => ({
          key,
          message: `group ${group} had committed ${bound.offset}, and was told ${offset ?? 'that there is none'}`,
          operations: [bound.evidence, evidenceOfLine(line)],
        }))
    }
  }
}

function raise(commits: Map<string, Generations>, name: string, commit: Commit): void {
  let generations = commits.get(name)
  if (generations === undefined) {
    generations = new Map()
    commits.set(name, generations)
  }
  const before = generations.get(commit.generation)
  if (before === undefined || commit.offset > before.offset) generations.set(commit.generation, commit)
}

function highest(generations: Generations | undefined, generationMax: number): Commit | null {
  let found: Commit | null = null
  for (const commit of generations?.values() ?? [])
    if (commit.generation <= generationMax && commit.offset > (found?.offset ?? -1)) found = commit
  return found
}

function evidenceOfLine({ i, proc, f, type }: HistoryLine): Evidence {
  return { i, proc, f, type }
}
