import { describe, expect, it } from 'vitest'
import { LateAnswer } from '../src/late-answer.ts'

describe('a late answer', () => {
  it('reaches who waits for it within the call that gives it', () => {
    const answer = new LateAnswer<string>()
    const seen: string[] = []
    answer.whenGiven((value) => seen.push(value))
    expect(seen).toEqual([])
    answer.give('now')
    expect(seen).toEqual(['now'])
  })

  it('waits for who asks after it was given', () => {
    const answer = new LateAnswer<string>()
    answer.give('before')
    const seen: string[] = []
    answer.whenGiven((value) => seen.push(value))
    expect(seen).toEqual(['before'])
  })

  it('is given once', () => {
    const answer = new LateAnswer<number>()
    answer.give(1)
    expect(() => answer.give(2)).toThrow('given once')
  })
})
