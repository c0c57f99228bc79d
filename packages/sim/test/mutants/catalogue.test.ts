import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mutate } from '../../src/mutant/mutant.ts'
import { catalogue } from '../../src/mutants/catalogue.ts'

const root = new URL('../../../../', import.meta.url)

describe('the catalogue of mutants', () => {
  it.each(catalogue)('$id fits exactly one place of its file', (mutant) => {
    const source = readFileSync(new URL(mutant.file, root), 'utf8')
    expect(mutate(mutant, source)).not.toBe(source)
  })

  it('names each mutant once', () => {
    expect(new Set(catalogue.map(({ id }) => id)).size).toBe(catalogue.length)
  })
})
