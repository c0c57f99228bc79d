import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mutate } from '../../src/mutant/mutant.ts'
import { catalogue } from '../../src/mutants/catalogue.ts'

const root = new URL('../../../../', import.meta.url)

describe('the catalogue of mutants', () => {
  it.each(catalogue)('$id fits exactly the places that it names', (mutant) => {
    for (const file of new Set(mutant.edits.map((edit) => edit.file))) {
      const source = readFileSync(new URL(file, root), 'utf8')
      expect(mutate(mutant, file, source)).not.toBe(source)
    }
  })

  it('names each mutant once', () => {
    expect(new Set(catalogue.map(({ id }) => id)).size).toBe(catalogue.length)
  })
})
