/**
 * Loads one source file changed. To be installed before that file is first imported, in a process that runs sources
 * as they are (`--conditions=source`).
 */
import { registerHooks } from 'node:module'
import { mutate, type Mutant } from './mutant.ts'

/** Names the mutant that a process shall run with. */
export const MUTANT_VARIABLE = 'SIM_MUTANT'

export interface InstalledMutant {
  readonly mutant: Mutant
  /** Whether the file has been loaded since: a mutant that nobody loads proves nothing. */
  readonly isLoaded: () => boolean
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
  const target = new URL(mutant.file, root).href
  let loaded = false
  registerHooks({
    load(url, context, nextLoad) {
      const result = nextLoad(url, context)
      if (url.split('?')[0] !== target) return result
      loaded = true
      return { ...result, source: mutate(mutant, textOf(result.source)) }
    },
  })
  return { mutant, isLoaded: () => loaded }
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | undefined): string {
  if (typeof source === 'string') return source
  if (source === undefined) throw new Error('a module without source')
  return new TextDecoder().decode(source)
}
