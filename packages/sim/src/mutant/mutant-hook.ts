/**
 * Loads source files changed. To be installed before they are first imported, in a process that runs sources as they are
 * (`--conditions=source`).
 */
import { registerHooks } from 'node:module'
import { mutate, type Mutant } from './mutant.ts'

/** Names the mutant that a process shall run with. */
export const MUTANT_VARIABLE = 'SIM_MUTANT'

export interface InstalledMutant {
  readonly mutant: Mutant
  /** Files that have not been loaded since: a mutant that nobody loads proves nothing. */
  readonly missing: () => readonly string[]
}

/**
 * @param id of the mutant, or undefined for none
 * @param root `file:` URL of the repository, with a slash at the end
 * @throws Error when there is no such mutant
 */
export function installMutant(
  id: string | undefined,
  mutants: readonly Mutant[],
  root: string,
): InstalledMutant | null {
  if (id === undefined || id === '') return null
  const mutant = mutants.find((other) => other.id === id)
  if (mutant === undefined) throw new Error(`there is no mutant ${id}`)
  const files = new Map(mutant.edits.map(({ file }) => [new URL(file, root).href, file]))
  const missing = new Set(files.values())
  registerHooks({
    load(url, context, nextLoad) {
      const result = nextLoad(url, context)
      const file = files.get(url.split('?')[0]!)
      if (file === undefined) return result
      missing.delete(file)
      return { ...result, source: mutate(mutant, file, textOf(result.source)) }
    },
  })
  return { mutant, missing: () => [...missing] }
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | undefined): string {
  if (typeof source === 'string') return source
  if (source === undefined) throw new Error('a module without source')
  return new TextDecoder().decode(source)
}
