/** Parts of the check that are the same every time; each prints one line, and one more for each violation. */
import { combinedHash, runBatch, type RunKind, runWorker, type SeedLine } from './batch.ts'

const REPEATED_SEEDS = 50

/** Scenarios that were kept, or written by hand. @returns whether nothing broke */
export async function checkKnown(kind: RunKind, label: string): Promise<boolean> {
  const lines: SeedLine[] = []
  const code = await runWorker({ kind, from: 0, step: 1 }, (line) => lines.push(line))
  const failed = violationsOf(lines)
  const broken = code === 0 ? '' : `, and the worker ended with code ${code}`
  console.log(`${label}: ${lines.length} scenarios, ${failed} violations${broken}`)
  return failed === 0 && code === 0
}

/** The same seeds in two processes: nothing but the seed may decide what happens. */
export async function checkRepeatable(): Promise<boolean> {
  const range = { from: 1, to: REPEATED_SEEDS }
  const [first, second] = await Promise.all([runBatch(range, 1, () => {}), runBatch(range, 1, () => {})])
  const differing = first.filter(({ hash }, i) => hash !== second[i]?.hash).map(({ seed }) => seed)
  const failed = violationsOf(first)
  const verdict = differing.length === 0 ? 'the same' : `seeds ${differing.join(', ')} differ`
  console.log(
    `replay: seeds 1..${REPEATED_SEEDS} twice, traces ${combinedHash(first)} and ${combinedHash(second)}: ${verdict}, ` +
      `${failed} violations`,
  )
  return differing.length === 0 && failed === 0
}

function violationsOf(lines: readonly SeedLine[]): number {
  const failed = lines.filter(({ violation }) => violation !== null)
  for (const { seed, name = `seed ${seed}`, violation } of failed)
    console.log(`${name}: ${violation!.message.split('\n')[0]}`)
  return failed.length
}
