import { beforeEach, describe, expect, test } from 'vitest'
import { LiveBlock, truncated } from '../../src/dev/live-block.ts'

let written: string
const terminal = { columns: 10, rows: 4, write: (text: string) => (written += text) }

beforeEach(() => {
  written = ''
})

describe('a live block', () => {
  test('goes up by exactly the lines it has drawn, and erases them', () => {
    const block = new LiveBlock(terminal)
    block.draw(['one', 'two'])
    expect(written).toBe('\u001b[Jone\ntwo\n')
    written = ''
    block.draw(['three'])
    expect(written).toBe('\u001b[2A\r\u001b[Jthree\n')
  })

  test('lets lines appear above itself', () => {
    const block = new LiveBlock(terminal)
    block.draw(['block'])
    written = ''
    block.print(['news'])
    expect(written).toBe('\u001b[1A\r\u001b[Jnews\nblock\n')
  })

  test('stays in place when it has ended', () => {
    const block = new LiveBlock(terminal)
    block.draw(['block'])
    block.end()
    written = ''
    block.print(['news'])
    expect(written).toBe('\u001b[Jnews\n')
  })

  test('never draws more lines than the screen can take back, nor lines that wrap', () => {
    const block = new LiveBlock(terminal)
    block.draw(['a'.repeat(12), 'b', 'c', 'd', 'e'])
    expect(written).toBe(`\u001b[J${'a'.repeat(10)}\nb\nc\n`)
  })

  test('counts visible characters, and keeps the end of a color', () => {
    expect(truncated('\u001b[31mred\u001b[39m and more', 5)).toBe('\u001b[31mred\u001b[39m a')
  })
})
