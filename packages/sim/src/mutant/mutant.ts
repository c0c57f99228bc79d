/**
 * A bug put back on purpose: a change of one place in the sources, or of several where more than one check stands in its
 * way. Production code contains nothing of it; a simulator that does not find it is not good enough.
 */
interface Edit {
  /** Path from the root of the repository. */
  readonly file: string
  /** Occurs exactly once in the file, the other edits of the mutant made or not. */
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly id: string
  /** Row of the table of traps in the reliability notes that it brings back; 0: none of them. */
  readonly trap: number
  readonly title: string
  readonly edits: readonly Edit[]
}

/** @returns the source of the file with the mutant's edits of it. @throws Error when a place is not there, or not alone */
export function mutate({ id, edits }: Mutant, file: string, source: string): string {
  return edits
    .filter((edit) => edit.file === file)
    .reduce((text, { find, replace }) => {
      const places = text.split(find).length - 1
      if (places !== 1) throw new Error(`mutant ${id} fits ${places} places of ${file}, not one`)
      return text.replace(find, () => replace)
    }, source)
}
