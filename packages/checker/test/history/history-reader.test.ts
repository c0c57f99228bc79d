import { describe, expect, it } from 'vitest'
import { type HistoryLine, HistoryReader, HistoryRecorder } from '../../src/index.ts'

function written(): string {
  let text = ''
  let nowMs = 0
  const recorder = new HistoryRecorder(
    () => (nowMs += 1.5),
    (line) => (text += line),
  )
  recorder.record({ proc: 'w', f: 'send', type: 'invoke', mops: [['s', 'a-0', null, 'ä\n']] })
  recorder.record({ proc: 'w', f: 'send', type: 'info', mops: [['s', 'a-0', null, 'ä\n']], err: 'gone' })
  return text
}

describe('a recorded history', () => {
  it('is numbered and stamped, and read back from pieces of any size', () => {
    const text = written()
    for (let size = 1; size <= text.length; size += 1) {
      const lines: HistoryLine[] = []
      const reader = new HistoryReader((line) => lines.push(line))
      for (let at = 0; at < text.length; at += size) reader.push(text.slice(at, at + size))
      reader.end()
      expect(lines.map(({ i, t, type }) => [i, t, type])).toEqual([
        [0, 1.5, 'invoke'],
        [1, 3, 'info'],
      ])
    }
  })

  it('needs no last line break, may have empty lines, and errors count them', () => {
    const lines: HistoryLine[] = []
    const reader = new HistoryReader((line) => lines.push(line))
    reader.push(`\n${written().trimEnd()}`)
    reader.end()
    expect(lines).toHaveLength(2)
    const failing = new HistoryReader(() => undefined)
    expect(() => failing.push('\n\n{}\n')).toThrow('line 3: i: ')
  })
})
