import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { compressionProblem } from '../src/optional-codec.ts'

const entry = new URL('../src/index.ts', import.meta.url).href

/** Runs a program against this package in a process of its own. */
function run(program: string): unknown {
  const source = `import Module from 'node:module'\nconst record = () => import('${entry}')\n${program}`
  const args = ['--conditions=source', '--input-type=module', '--eval', source]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}

describe('compression libraries', () => {
  it('are all installed where this runs', () => {
    expect([0, 1, 2, 3, 4].map(compressionProblem)).toEqual([null, null, null, null, null])
    expect(compressionProblem(5)).toBe('unknown compression type 5')
  })

  it('are not loaded by the import of the package, which takes milliseconds', () => {
    const { loaded, importMs } = run(
      `
      const { crc32c } = await import('@millrace/base')
      const started = performance.now()
      await record()
      const importMs = performance.now() - started
      const { createRequire } = Module
      const cache = Object.keys(createRequire('${entry}').cache)
      console.log(JSON.stringify({ importMs, loaded: cache.filter((path) => /snappy|lz4|crc32/.test(path)) }))
    `.replace('@millrace/base', new URL('../../base/src/index.ts', import.meta.url).href),
    ) as { loaded: string[]; importMs: number }
    expect(loaded).toEqual([])
    // Sources are stripped of their types here; what is published is not.
    expect(importMs).toBeLessThan(250)
  })

  it('that are missing are a clean error, with what to do', () => {
    const outcome = run(`
      const load = Module._load
      Module._load = (name, ...rest) => {
        if (/^(snappy|lz4-napi|@node-rs)/.test(name)) throw new Error("Cannot find module '" + name + "'")
        return load(name, ...rest)
      }
      const { compress, decompress, compressionProblem, UnsupportedCompressionError, RecordBatchBuilder, validateBatch } = await record()
      const builder = new RecordBatchBuilder({ maxBytes: 1e6 })
      builder.tryAppend(0, 'key', 'v'.repeat(5000))
      let thrown
      try { builder.build({ compression: 2 }) } catch (error) { thrown = error }
      const batch = builder.build({ compression: 4 })
      console.log(JSON.stringify({
        problems: [2, 3].map(compressionProblem),
        thrown: thrown instanceof UnsupportedCompressionError,
        decompressed: [2, 3].map((type) => decompress(type, Buffer.from('x'), 100).kind),
        crcByTable: validateBatch(batch, 0, batch.length, { maxBatchBytes: 1e6, maxDecompressedBytes: 1e6 }),
      }))
    `)
    expect(outcome).toEqual({
      problems: [
        expect.stringContaining('npm install snappy'),
        expect.stringContaining('npm install lz4-napi'),
      ],
      thrown: true,
      decompressed: ['unsupported-compression', 'unsupported-compression'],
      crcByTable: null,
    })
  })
})
