import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lines } from '../../src/records/line-reader.ts'

async function* chunked(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (const size of sizes) {
    yield bytes.subarray(at, at + size)
    at += size
  }
  yield bytes.subarray(at)
}

async function linesOf(text: string, sizes: readonly number[] = [], lineBytesMax = 1000): Promise<string[]> {
  const found: string[] = []
  for await (const group of lines(chunked(Buffer.from(text), sizes), lineBytesMax))
    found.push(...group.map(String))
  return found
}

test('lines are the same however the stream is cut', async () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\r\n', '\t', '😀') }), {
    maxLength: 20,
  })
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.nat(7)), async (parts, sizes) => {
      const text = parts.join('')
      const expected = text.split(/\r?\n/)
      if (expected.at(-1) === '') expected.pop()
      expect(await linesOf(text, sizes)).toEqual(expected)
    }),
  )
})

test('a last line without newline counts, an empty one in the middle as well', async () => {
  expect(await linesOf('a\n\nb')).toEqual(['a', '', 'b'])
  expect(await linesOf('a\n')).toEqual(['a'])
  expect(await linesOf('')).toEqual([])
})

test('input without newlines is refused before it fills the memory', async () => {
  await expect(linesOf('x'.repeat(50), [10, 10, 10, 10], 25)).rejects.toThrow(
    'a line is longer than 25 bytes',
  )
})
