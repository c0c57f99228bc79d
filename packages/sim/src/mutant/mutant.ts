/**
 * A bug put back on purpose: a change of one place in one source file. Production code contains nothing of it; a
 * simulator that does not find it is not good enough.
 */
export interface Mutant {
  readonly id: string
  /** Row of the table of traps in the reliability notes that it brings back. */
  readonly trap: number
  readonly title: string
  /** Path from the root of the repository. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

/** @throws Error when the place is not there, or not alone */
export function mutate(mutant: Mutant, source: string): string {
  const places = source.split(mutant.find).length - 1
  if (places !== 1) throw new Error(`mutant ${mutant.id} fits ${places} places of ${mutant.file}, not one`)
  return source.replace(mutant.find, () => mutant.replace)
}
